"""Pixels that a file has and no viewer shows: below the picture, behind its data, under full transparency."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from tests.unit.redaction import camera_files as cf

from streetveil.domain.geometry import Size
from streetveil.errors import UndecodableImageError
from streetveil.imaging import png
from streetveil.imaging.reader import Reader

BOX = (40, 10, 100, 50)
both = pytest.mark.parametrize("boxes", [(), (BOX,)], ids=["untouched", "redacted"])
HEIGHT = 64  # of the upper part, which stays in sight


def shown(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


def with_chunk(data: bytes, kind: bytes, change) -> bytes:
    chunks = png.chunks(Reader(data, complete=True))
    changed = [png.Chunk(chunk.kind, change(chunk.body) if chunk.kind == kind else chunk.body) for chunk in chunks]
    return png.SIGNATURE + b"".join(chunk.encode() for chunk in changed)


def of_height(data: bytes, height: int) -> bytes:
    return with_chunk(data, b"IHDR", lambda body: body[:4] + struct.pack(">I", height) + body[8:])


def stream(data: bytes) -> bytes:
    return b"".join(chunk.body for chunk in png.chunks(Reader(data, complete=True)) if chunk.kind == b"IDAT")


@both
def test_rows_below_a_png_that_was_cropped_in_its_header_are_gone(photo, encode, redact, boxes):
    original = of_height(encode(photo, "PNG"), HEIGHT)

    data = redact(original, *boxes).data

    assert len(zlib.decompress(stream(data))) == HEIGHT * (1 + 3 * photo.width)
    assert boxes or np.array_equal(shown(data), shown(original))


@pytest.mark.parametrize("behind", [cf.SECRET, zlib.compress(b"not a picture's mark"), b"\0"])
def test_what_stands_behind_the_stream_of_a_png_is_gone(photo, encode, redact, behind):
    original = with_chunk(encode(photo, "PNG"), b"IDAT", lambda body: body + behind)

    data = redact(original).data

    decompress = zlib.decompressobj()
    decompress.decompress(stream(data))
    assert (decompress.eof, decompress.unused_data) == (True, b"")
    assert np.array_equal(shown(data), shown(original))


@both
@pytest.mark.parametrize("mode", ["L", "RGB", "I;16", "1"])
def test_a_png_whose_data_end_before_its_last_row_is_broken(photo, encode, redact, mode, boxes):
    """Viewers fill up the rest in silence."""
    picture = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257) if mode == "I;16" else photo
    original = of_height(encode(picture if mode == "I;16" else photo.convert(mode), "PNG"), photo.height + 1)

    with pytest.raises(UndecodableImageError):
        redact(original, *boxes)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3), (5, 5), (8, 8), (17, 33)])
@pytest.mark.parametrize(("depth", "colour"), [(1, png.GREY), (4, png.PALETTE), (8, png.RGB), (16, png.RGBA)])
def test_the_length_of_an_interlaced_stream_is_known(size, depth, colour):
    """Counted pixel by pixel from the specification's figure of an 8 x 8 tile."""
    tile = np.array([[1, 6, 4, 6, 2, 6, 4, 6], [7] * 8, [5, 6] * 4, [7] * 8] * 2)
    tile[4] = [3, 6, 4, 6, 3, 6, 4, 6]
    width, height = size
    passes = np.tile(tile, (height // 8 + 1, width // 8 + 1))[:height, :width]
    header = png.PngHeader(Size(width, height), depth, colour, interlaced=True)
    bits = depth * header.channels

    rows = [np.count_nonzero(row == number) for number in range(1, 8) for row in passes]

    assert header.stream_bytes == sum(1 + (count * bits + 7) // 8 for count in rows if count)


def cropped_tiff(photo: Image.Image, encode, **options) -> bytes:
    data = bytearray(encode(photo, "TIFF", tiffinfo={278: photo.height}, **options))
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    for place in range(directory + 2, directory + 2 + 12 * entries, 12):
        if struct.unpack_from("<H", data, place)[0] == 257:
            struct.pack_into("<HII", data, place + 2, 4, 1, HEIGHT)
    return bytes(data)


@both
@pytest.mark.parametrize("coding", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_rows_below_a_tiff_that_was_cropped_in_its_tags_are_gone(photo, encode, redact, coding, boxes):
    original = cropped_tiff(photo, encode, compression=coding)

    data = redact(original, *boxes).data

    assert boxes or np.array_equal(shown(data), shown(original))
    with Image.open(io.BytesIO(data)) as image:
        places, sizes = image.tag_v2[273], image.tag_v2[279]  # type: ignore[attr-defined]
    strips = [data[place : place + size] for place, size in zip(places, sizes, strict=True)]
    rows = sum(len(strip if coding is None else zlib.decompress(strip)) for strip in strips) // (3 * photo.width)
    assert rows == HEIGHT


def test_a_tiff_coded_as_jpeg_stays_so_where_its_strips_are_the_picture(photo, encode, redact):
    original = encode(photo, "TIFF", compression="jpeg", quality=80, tiffinfo={278: 16})

    data = redact(original).data

    assert np.array_equal(shown(data), shown(original))
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["compression"] == "jpeg"


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {}), ("BMP", {})]
)
@both
def test_colours_under_full_transparency_are_gone(photo, encode, redact, kind, options, boxes):
    """As a face is that was rubbed out in a drawing program: its colours are still there."""
    opacity = Image.new("L", photo.size, 255)
    opacity.paste(0, (100, 70, 150, 110))
    erased = photo.convert("RGBA")
    erased.putalpha(opacity)
    original = bitmap_with_alpha(erased) if kind == "BMP" else encode(erased, kind, **options)
    assert shown(original)[75:105, 105:145, :3].any()

    result = redact(original, *boxes)

    after, opaque = shown(result.data), np.asarray(opacity) > 0
    assert result.lossless
    assert not after[~opaque].any()
    assert boxes or np.array_equal(after[opaque], shown(original)[opaque])
    assert redact(result.data).data == result.data


def bitmap_with_alpha(image: Image.Image) -> bytes:
    pixels = np.asarray(image)[::-1, :, [2, 1, 0, 3]].tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 56, *image.size, 1, 32, 3, len(pixels), 0, 0, 0, 0) + masks
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(pixels), 0, 0, 14 + len(header)) + header + pixels


def test_palette_entries_under_full_transparency_are_one_and_the_same(encode, redact):
    indices = np.arange(64, dtype=np.uint8).reshape(8, 8) % 4
    picture = Image.fromarray(indices, "P")
    picture.putpalette([0, 0, 0, 200, 10, 10, 10, 200, 10, 10, 10, 200])

    data = redact(encode(picture, "PNG", transparency=b"\xff\0\0\xff", bits=8)).data

    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(np.asarray(image), np.where(indices == 2, 1, indices))


def test_transparent_pixels_without_colours_stay_coded_as_they_are(encode, redact):
    clear = np.zeros((40, 60, 4), np.uint8)
    clear[:20] = np.random.default_rng(1).integers(1, 256, (20, 60, 4), np.uint8)
    for kind, options in (("PNG", {"compress_level": 1}), ("WEBP", {"lossless": True})):
        original = encode(Image.fromarray(clear), kind, **options)
        assert redact(original).data == original


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_colours_that_only_redacted_pixels_had_are_gone_from_the_palette(encode, redact, kind):
    colours = np.random.default_rng(3).integers(1, 256, (256, 3), np.uint8)
    indices = np.arange(64 * 64).reshape(64, 64) % 100
    indices[16:48, 16:48] = 100 + np.arange(32 * 32).reshape(32, 32) % 156
    picture = Image.fromarray(indices.astype(np.uint8), "P")
    picture.putpalette(colours.tobytes())
    original = encode(picture, kind)

    data = redact(original, (16, 16, 48, 48)).data

    with Image.open(io.BytesIO(data)) as image:
        palette = np.array(image.getpalette()).reshape(-1, 3)
        used = np.unique(np.asarray(image))
    assert np.array_equal(palette[:100], colours[:100])
    assert not np.delete(palette, used, axis=0).any()
    assert len(used) < 140
    outside = np.ones((64, 64), bool)
    outside[16:48, 16:48] = False
    assert np.array_equal(shown(data)[outside], shown(original)[outside])
