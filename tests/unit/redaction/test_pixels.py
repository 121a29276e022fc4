from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box, Orientation
from streetveil.domain.options import MetadataPolicy, Style
from streetveil.errors import StreetveilError, UndecodableImageError, UnsupportedPixelFormatError
from streetveil.imaging import png
from streetveil.imaging.picture import Picture
from streetveil.redaction import jpeg_file, png_encoder
from streetveil.redaction.base import Region, Shape
from streetveil.redaction.pixels import PixelRedactor

BOX = (40, 30, 100, 80)
INSIDE = np.s_[30:80, 40:100]
LOSSLESS = [
    *((mode, "PNG", {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
    ("P", "PNG", {"bits": 4}),
    *((mode, "TIFF", {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")),
    ("RGB", "TIFF", {"compression": "tiff_lzw"}),
    ("RGB", "TIFF", {"compression": "jpeg"}),
    ("1", "TIFF", {"compression": "group4"}),
    *((mode, "BMP", {}) for mode in ("1", "L", "P", "RGB", "RGBA")),
    ("RGB", "WEBP", {"lossless": True}),
    ("RGBA", "WEBP", {"lossless": True, "exact": True}),
]


def shown(data: bytes) -> np.ndarray:
    """What an independent reader sees, with opacity."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


def in_mode(photo: Image.Image, mode: str, **options: object) -> Image.Image:
    if mode in {"LA", "RGBA"}:
        clear = photo.convert("RGBA")
        clear.putalpha(Image.fromarray(np.tile(np.arange(96, 256, dtype=np.uint8), (photo.height, 1))))
        return clear.convert(mode)
    if "bits" in options:
        return photo.quantize(1 << int(str(options["bits"])))
    return photo.convert(mode)


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize(("mode", "kind", "options"), LOSSLESS)
def test_lossless_formats_change_inside_the_region_and_nowhere_else(photo, encode, redact, mode, kind, options, style):
    data = encode(in_mode(photo, mode, **options), kind, **options)
    result = redact(data, BOX, style=style)
    before, after = shown(data), shown(result.data)
    assert result.lossless
    assert result.reason is None
    changed = (before != after).any(axis=2)
    assert changed[INSIDE].mean() > (0.1 if mode in {"1", "P"} else 0.9)  # few colours: some stay the nearest
    changed[INSIDE] = False
    assert not changed.any()
    with Image.open(io.BytesIO(data)) as old, Image.open(io.BytesIO(result.data)) as new:
        assert (new.format, new.mode, new.size) == (old.format, old.mode, old.size)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jpeg_keeps_tables_subsampling_and_kind(photo, encode, redact, mode, progressive, subsampling):
    options = {"quality": 88, "progressive": progressive, "subsampling": subsampling}
    data = encode(photo.convert(mode), "JPEG", **options)
    result = redact(data, BOX)
    assert not result.lossless
    assert result.reason
    before, after = shown(data).astype(int), shown(result.data).astype(int)
    difference = np.abs(before - after).mean(axis=2)
    assert difference[INSIDE].mean() > 5
    difference[24:88, 32:112] = 0  # blocks that the region touches
    assert difference.mean() < 1.5
    with JpegImageFile(io.BytesIO(data)) as old, JpegImageFile(io.BytesIO(result.data)) as new:
        assert (new.mode, new.size, new.info.get("progressive")) == (old.mode, old.size, old.info.get("progressive"))
        assert new.quantization[0] == old.quantization[0]
        if mode == "RGB":
            assert new.quantization == old.quantization
            assert [layer[1:3] for layer in new.layer] == [layer[1:3] for layer in old.layer]
    assert simplejpeg.decode_jpeg(result.data, "CMYK" if mode == "CMYK" else "RGB").shape[:2] == (120, 160)


def test_a_jpeg_of_rgb_samples_stays_one(photo, encode, redact):
    result = redact(encode(photo, "JPEG", quality=95, keep_rgb=True), BOX)
    assert np.abs(shown(result.data).astype(int) - np.asarray(photo.convert("RGBA")))[:20].mean() < 2
    with Image.open(io.BytesIO(result.data)) as image:
        assert image.info["adobe_transform"] == 0


def test_noise_at_the_highest_quality_is_written_too(redact):
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    for progressive in (0, 1):
        options = [cv2.IMWRITE_JPEG_QUALITY, 100, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
        options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        encoded, data = cv2.imencode(".jpg", noise, options)
        assert encoded
        assert shown(redact(data.tobytes(), BOX).data).shape == (300, 400, 4)


def test_a_lossy_webp_is_written_again_close_to_what_it_was(photo, encode, redact):
    data = encode(photo, "WEBP", quality=90)
    result = redact(data, BOX)
    assert not result.lossless
    difference = np.abs(shown(data).astype(int) - shown(result.data)).mean(axis=2)
    assert difference[INSIDE].mean() > 8
    difference[20:90, 30:110] = 0
    assert difference.mean() < 2


@pytest.mark.parametrize("kind", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_samples_stay_16_bit_samples(redact, kind, channels):
    deep = np.random.default_rng(0).integers(0, 65536, (60, 80, channels)).astype(np.uint16)
    encoded, data = cv2.imencode(kind, deep.squeeze())
    assert encoded
    result = redact(data.tobytes(), (20, 10, 60, 50))
    after = cv2.imdecode(np.frombuffer(result.data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert after is not None
    assert after.dtype == np.uint16
    changed = (after.reshape(deep.shape) != deep).any(axis=2)
    assert changed[10:50, 20:60].mean() > 0.99
    changed[10:50, 20:60] = False
    assert not changed.any()


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_greys_of_few_bits_stay_as_they_are_stored(redact, depth):
    samples = np.random.default_rng(0).integers(0, 1 << depth, (50, 61)).astype(np.uint8)
    packed = png_encoder.pack_bits(samples, depth)
    header = (61).to_bytes(4) + (50).to_bytes(4) + bytes([depth, 0, 0, 0, 0])
    pieces = [(b"IHDR", header), (b"IDAT", png_encoder.compress(packed, 1, filtered=False)), (b"IEND", b"")]
    data = png.SIGNATURE + b"".join(png.Chunk(kind, body).encode() for kind, body in pieces)
    result = redact(data, (8, 8, 40, 40))
    assert result.data[24] == depth
    scale = 255 // ((1 << depth) - 1)
    after = np.asarray(Image.open(io.BytesIO(result.data)).convert("L")) // scale
    expected = samples.copy()
    expected[8:40, 8:40] = after[8:40, 8:40]
    assert np.array_equal(after, expected)
    assert (after[8:40, 8:40] != samples[8:40, 8:40]).mean() > 0.3


@pytest.mark.parametrize("fields", [(0x7C00, 0x3E0, 0x1F), (0xF800, 0x7E0, 0x1F)])
def test_bitmaps_of_16_bits_change_inside_the_region_and_nowhere_else(redact, fields):
    words = np.random.default_rng(0).integers(0, 0x8000, (40, 42)).astype("<u2")
    head = struct.pack("<IiiHHIIiiII3I", 40, 42, -40, 1, 16, 3, 0, 0, 0, 0, 0, *fields)
    data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(head)) + head + words.tobytes()
    result = redact(data, (8, 8, 32, 32))
    after = np.frombuffer(result.data[-words.nbytes :], "<u2").reshape(40, 42)
    changed = after != words
    assert changed[8:32, 8:32].mean() > 0.9
    changed[8:32, 8:32] = False
    assert not changed.any()


@pytest.mark.parametrize("orientation", list(Orientation))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_a_region_of_the_upright_picture_hits_what_a_viewer_sees_there(photo, encode, redact, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = int(orientation)
    options = {"quality": 95} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    data = encode(photo, kind, exif=exif, **options)
    result = redact(data, (10, 20, 50, 70), style=Style.SOLID)

    def upright(content: bytes) -> np.ndarray:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)

    before, after = upright(data), upright(result.data)
    core = after[20:70, 10:50] if kind != "JPEG" else after[28:62, 18:42]  # its blocks ring at edges
    assert np.abs(core - 128).max() <= 8
    kept = np.ones(before.shape[:2], bool)
    kept[8:82, 0:64] = False
    assert np.abs(after - before)[kept].mean() < 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (17, 3)])
def test_the_smallest_pictures_are_redacted(encode, redact, kind, size):
    data = encode(Image.new("RGB", size, (250, 250, 250)), kind)
    result = redact(data, (-5, -5, 50, 50), style=Style.SOLID)
    assert np.abs(shown(result.data)[..., :3].astype(int) - 128).max() <= 8


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_without_regions_the_coded_pixels_are_those_of_the_original(photo, encode, redact, kind):
    data = encode(photo, kind)
    result = redact(data)
    assert result.lossless
    assert np.array_equal(shown(result.data), shown(data))
    begin = {"JPEG": b"\xff\xda", "PNG": b"IDAT", "WEBP": b"VP8 "}.get(kind)
    coded = data[data.index(begin) :] if begin else np.asarray(photo)[0, :, :: -1 if kind == "BMP" else 1].tobytes()
    assert coded in result.data


def test_a_region_outside_the_picture_changes_nothing(photo, encode, redact):
    data = encode(photo, "JPEG")
    assert redact(data, (500, 500, 600, 600)) == redact(data)


def test_overlapping_regions_and_both_shapes_are_covered(photo, encode, redact):
    data = encode(photo, "PNG")
    result = redact(data, (40, 30, 100, 80), (80, 60, 140, 110), shape=Shape.ELLIPSE, label=Label.LICENSE_PLATE)
    changed = (shown(data) != shown(result.data)).any(axis=2)
    assert changed[30:80, 40:100].mean() > 0.9
    assert changed[60:110, 80:140].mean() > 0.9


def test_the_same_input_gives_the_same_bytes(photo, encode, redact):
    data = encode(photo, "JPEG")
    assert redact(data, BOX).data == redact(data, BOX).data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_truncated_file_is_never_returned(photo, encode, redact, kind):
    data = encode(photo, kind)
    with pytest.raises(UndecodableImageError):
        redact(data[: len(data) * 3 // 4])


@pytest.mark.parametrize("boxes", [(), (BOX,)])
def test_a_jpeg_that_libjpeg_would_fill_up_with_grey_is_never_returned(photo, encode, redact, boxes):
    data = encode(photo, "JPEG")
    with pytest.raises(UndecodableImageError):
        redact(data[: len(data) * 3 // 4] + b"\xff\xd9", *boxes)


def test_a_tiff_thumbnail_page_is_dropped(photo, encode, redact):
    thumbnail = photo.resize((40, 30))
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
    data = encode(photo, "TIFF", save_all=True, append_images=[thumbnail])
    for boxes in ((), (BOX,)):
        with TiffImageFile(io.BytesIO(redact(data, *boxes).data)) as image:
            assert image.n_frames == 1
    with pytest.raises(StreetveilError):
        redact(encode(photo, "TIFF", save_all=True, append_images=[photo]))


def test_a_layout_that_cannot_be_written_back_is_refused(photo, encode, redact):
    lab = photo.convert("RGB").convert("CMYK")
    data = bytearray(encode(lab, "TIFF"))
    deep = data.replace(b"\x02\x01\x03\x00\x04\x00\x00\x00", b"\x02\x01\x03\x00\x03\x00\x00\x00")
    with pytest.raises(StreetveilError):
        redact(bytes(deep), BOX)


def test_a_picture_is_never_returned_where_writing_fails(photo, encode, monkeypatch):
    picture = Picture.open(encode(photo, "JPEG"), max_pixels=10_000_000)
    redactor = PixelRedactor()

    def broken(*_: object, **__: object) -> bytes:
        raise OSError("encoder error -2")

    monkeypatch.setattr(jpeg_file, "_save", broken)
    with pytest.raises(StreetveilError) as caught:
        redactor.redact(picture, [Region(Box(*BOX), Label.FACE, 1, Style.SOLID)], MetadataPolicy.STRIP)
    assert caught.value.code == "redaction_failed"
    assert not isinstance(caught.value, UnsupportedPixelFormatError)
