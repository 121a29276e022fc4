from __future__ import annotations

import struct
import threading

import numpy as np
import pytest
from PIL import Image, ImageOps

from streetveil.domain.geometry import Orientation, Size
from streetveil.errors import StreetveilError, TooManyPixelsError, UndecodableImageError
from streetveil.imaging.picture import Picture

MAX = 10_000_000


def pixels(data: bytes, at_least: Size | None = None) -> np.ndarray:
    return Picture.open(data, max_pixels=MAX).pixels(at_least)


def near(left: np.ndarray, right: np.ndarray, limit: float) -> bool:
    return left.shape == right.shape and float(np.abs(left.astype(int) - right.astype(int)).mean()) <= limit


@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        *(("1", kind, {}) for kind in ("PNG", "TIFF", "BMP")),
        *(("L", kind, {}) for kind in ("PNG", "TIFF", "BMP")),
        *(("P", kind, {}) for kind in ("PNG", "TIFF", "BMP")),
        *(("RGB", kind, {}) for kind in ("PNG", "TIFF", "BMP")),
        ("RGB", "WEBP", {"lossless": True}),
        ("CMYK", "TIFF", {}),
        ("RGB", "TIFF", {"compression": "tiff_lzw"}),
        ("RGB", "TIFF", {"compression": "packbits"}),
        ("1", "TIFF", {"compression": "group4"}),
    ],
)
def test_lossless_pictures_of_every_layout_are_read_exactly(photo, encode, mode, kind, options):
    image = photo.convert(mode)
    assert np.array_equal(pixels(encode(image, kind, **options)), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpegs_are_read_alike_by_both_decoders(photo, encode, mode, progressive):
    data = encode(photo.convert(mode), "JPEG", quality=95, progressive=progressive)
    assert near(pixels(data), np.asarray(photo.convert(mode).convert("RGB")), 3)


def test_a_jpeg_of_rgb_samples_keeps_its_colours(photo, encode):
    assert near(pixels(encode(photo, "JPEG", quality=95, keep_rgb=True)), np.asarray(photo), 2)


def test_16_bit_greys_are_shown_by_their_high_byte(encode):
    deep = (np.arange(64, dtype=np.uint16).reshape(8, 8)) * 1000
    for kind in ("PNG", "TIFF"):
        shown = pixels(encode(Image.fromarray(deep), kind))
        assert np.array_equal(shown, np.repeat((deep >> 8)[..., None], 3, axis=2))


def test_transparent_pixels_are_shown_on_grey(photo, encode):
    clear = photo.convert("RGBA")
    clear.putalpha(0)
    assert (pixels(encode(clear, "PNG")) == 128).all()


@pytest.mark.parametrize("orientation", list(Orientation))
def test_pixels_are_upright_as_another_reader_turns_them(photo, encode, orientation):
    exif = Image.Exif()
    exif[0x0112] = int(orientation)
    data = encode(photo, "PNG", exif=exif)
    tagged = photo.copy()
    tagged.getexif()[0x0112] = int(orientation)
    assert np.array_equal(pixels(data), np.asarray(ImageOps.exif_transpose(tagged)))


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        (Size(1, 1), Size(15, 10)),
        (Size(15, 10), Size(15, 10)),
        (Size(16, 10), Size(30, 20)),
        (Size(60, 41), Size(75, 50)),
        (Size(119, 1), Size(120, 80)),
        (Size(5000, 5000), Size(120, 80)),
    ],
)
def test_a_jpeg_is_decoded_at_the_smallest_eighth_that_is_enough(photo, encode, wanted, given):
    small = pixels(encode(photo, "JPEG", quality=95), wanted)
    assert small.shape == (given.height, given.width, 3)
    assert near(small, np.asarray(photo.resize(given, Image.Resampling.BOX)), 4)


def test_the_wanted_size_is_that_of_the_upright_picture(photo, encode):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert pixels(encode(photo, "JPEG", exif=exif), Size(20, 30)).shape == (30, 20, 3)


def test_pixels_are_decoded_once_and_cannot_be_changed(photo, encode):
    picture = Picture.open(encode(photo, "JPEG"), max_pixels=MAX)
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(picture.pixels())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(item) for item in found}) == 1
    with pytest.raises(ValueError, match="read-only"):
        found[0][0, 0] = 0


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_a_truncated_jpeg_is_refused_also_with_an_end_marker(photo, encode, progressive, keep, end):
    data = encode(photo, "JPEG", quality=95, progressive=progressive)
    with pytest.raises(UndecodableImageError):
        pixels(data[: int(len(data) * keep)] + end)
    with pytest.raises(UndecodableImageError):
        pixels(data[: int(len(data) * keep)] + end, Size(1, 1))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("keep", [0.5, 0.8, 0.95])
def test_a_jpeg_of_unusual_sampling_is_read_and_refused_where_truncated(photo, encode, progressive, keep):
    data = encode(photo.convert("CMYK"), "JPEG", subsampling=2, progressive=progressive)
    assert near(pixels(data), np.asarray(photo), 3)
    assert pixels(data, Size(20, 20)).shape == (20, 30, 3)
    with pytest.raises(UndecodableImageError):
        pixels(data[: int(len(data) * keep)] + b"\xff\xd9")


def test_a_jpeg_whose_colours_were_never_sent_is_refused(photo, encode):
    data = encode(photo.convert("L"), "JPEG")
    frame = data.index(b"\xff\xc0")
    three = b"\xff\xc0\x00\x11" + data[frame + 4 : frame + 9] + b"\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00"
    with pytest.raises(UndecodableImageError, match="colour components"):
        pixels(data[:frame] + three + data[frame + 13 :])


def test_a_jpeg_cut_between_two_scans_is_refused(photo, encode):
    data = encode(photo, "JPEG", progressive=True)
    second_scan = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    one_component = data[: data.index(b"\xff\xda")] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x2a\x00\xff\xd9"
    for broken in (one_component, data[: second_scan - 40] + b"\xff\xd9"):
        with pytest.raises(UndecodableImageError):
            pixels(broken)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("keep", [0.2, 0.5, 0.97])
def test_other_truncated_files_are_refused(photo, encode, kind, keep):
    data = encode(photo, kind)
    with pytest.raises(UndecodableImageError):
        pixels(data[: int(len(data) * keep)])


def test_bytes_behind_the_end_of_a_jpeg_do_no_harm(photo, encode):
    data = encode(photo, "JPEG")
    assert np.array_equal(pixels(data + b"\xff\xd8 something else"), pixels(data))


def test_a_few_bytes_of_padding_before_the_end_marker_do_no_harm(photo, encode):
    data = encode(photo, "JPEG")
    assert np.array_equal(pixels(data[:-2] + bytes(4) + data[-2:]), pixels(data))


@pytest.mark.parametrize("where", [-30, 60])
def test_a_png_with_a_broken_chunk_is_refused(photo, encode, where):
    data = bytearray(encode(photo, "PNG"))
    data[where] ^= 0x55
    with pytest.raises(UndecodableImageError, match="checksum"):
        pixels(bytes(data))


def test_the_limit_on_pixels_is_ours_and_not_that_of_a_library(encode):
    data = encode(Image.new("1", (20_000, 10_000)), "PNG")
    with pytest.raises(TooManyPixelsError):
        Picture.open(data, max_pixels=199_999_999)
    tall = encode(Image.new("L", (1, 3000)), "PNG")
    old, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, 10
    try:
        assert pixels(tall).shape == (3000, 1, 3)
    finally:
        Image.MAX_IMAGE_PIXELS = old


def test_a_jpeg_with_a_second_frame_header_is_refused(photo, encode):
    data = encode(photo, "JPEG")
    at = data.index(b"\xff\xc0")
    (length,) = struct.unpack_from(">H", data, at + 2)
    frame = data[at : at + 2 + length]
    with pytest.raises(StreetveilError):
        pixels(data[:at] + frame + data[at:])


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (9, 17)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_the_smallest_pictures_are_read(encode, kind, size):
    assert pixels(encode(Image.new("RGB", size, (200, 10, 10)), kind), Size(1, 1)).shape[2] == 3
