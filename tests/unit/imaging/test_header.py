from __future__ import annotations

import struct
import zlib

import pytest
from PIL import Image

from streetveil.domain.geometry import Orientation, Size
from streetveil.errors import (
    AnimatedImageError,
    EmptyFileError,
    TooManyPixelsError,
    UndecodableImageError,
    UnsupportedMediaError,
    UnsupportedPixelFormatError,
)
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.header import read_header

MAX = 10_000_000


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def tiff_of(size: tuple[int, int], order: str = "<") -> bytes:
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    entries = [(256, 4, 1, size[0]), (257, 4, 1, size[1]), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(273, 4, 1, 8), (277, 3, 1, 1), (279, 4, 1, 1)]
    body = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        body += struct.pack(order + "HHI", tag, kind, count)
        body += struct.pack(order + "I", value) if kind == 4 else struct.pack(order + "HH", value, 0)
    return head + body + bytes(4)


HUGE = {
    "jpeg": b"\xff\xd8\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 60_000, 60_000) + b"\x01\x01\x11\x00\xff\xda",
    "png": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II5B", 60_000, 60_000, 8, 2, 0, 0, 0)),
    "webp": b"RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00" + (59_999).to_bytes(3, "little") * 2,
    "tiff": tiff_of((60_000, 60_000)),
    "bmp": b"BM" + bytes(8) + struct.pack("<IIiiHHI", 54, 40, 60_000, -60_000, 1, 24, 0) + bytes(20),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(HUGE))
@pytest.mark.parametrize("complete", [True, False])
def test_a_header_of_60000_by_60000_is_refused_from_its_first_bytes(kind, complete):
    with pytest.raises(TooManyPixelsError, match="60000 x 60000"):
        read_header(HUGE[kind], complete=complete, max_pixels=200_000_000)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_a_header_is_read_from_a_prefix_and_asks_for_more_until_it_can(photo, encode, kind):
    data = encode(photo, kind)
    whole = read_header(data, complete=True, max_pixels=MAX)
    assert whole is not None
    assert (whole.format.label, whole.stored) == (kind.lower(), Size(120, 80))
    answers = [read_header(data[:length], complete=False, max_pixels=MAX) for length in range(len(data) + 1)]
    first = next(length for length, answer in enumerate(answers) if answer)
    assert all(answer is None for answer in answers[:first])
    assert all(answer == whole for answer in answers[first:])


@pytest.mark.parametrize("orientation", list(Orientation))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_orientation_is_read_from_every_format_that_has_one(photo, encode, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = int(orientation)
    header = read_header(encode(photo, kind, exif=exif), complete=True, max_pixels=MAX)
    assert header is not None
    assert header.orientation is orientation
    assert header.upright == (Size(80, 120) if orientation >= 5 else Size(120, 80))


def test_orientation_that_does_not_exist_counts_as_upright(photo, encode):
    exif = Image.Exif()
    exif[0x0112] = 9
    header = read_header(encode(photo, "JPEG", exif=exif), complete=True, max_pixels=MAX)
    assert header is not None
    assert header.orientation is Orientation.UPRIGHT


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"II*\0",
        b"II*\0\xff\xff\xff\x7f",
        b"II*\0\x08\0\0\0\xff\xff",
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff\xff\xff\xff\xff",
        b"XX*\0\x08\0\0\0\x01\0",
    ],
)
def test_exif_with_wrong_lengths_counts_as_upright(photo, encode, block):
    data = encode(photo, "JPEG", exif=b"Exif\0\0" + block)
    header = read_header(data, complete=True, max_pixels=MAX)
    assert header is not None
    assert header.orientation is Orientation.UPRIGHT


def test_no_bytes_are_an_empty_file():
    with pytest.raises(EmptyFileError):
        read_header(b"", complete=True, max_pixels=MAX)
    assert read_header(b"", complete=False, max_pixels=MAX) is None


@pytest.mark.parametrize(
    "content", [b"hello, this is no picture", b"BM is how this text begins", b"GIF89a" + bytes(40)]
)
def test_text_and_other_formats_are_unsupported(content):
    with pytest.raises(UnsupportedMediaError):
        read_header(content, complete=True, max_pixels=MAX)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_several_frames_are_refused(photo, encode, kind):
    others = [photo.transpose(Image.Transpose.ROTATE_180)]
    with pytest.raises(AnimatedImageError):
        read_header(encode(photo, kind, save_all=True, append_images=others), complete=True, max_pixels=MAX)


def test_the_secondary_pictures_of_a_camera_file_are_no_animation(photo, encode):
    data = encode(photo, "MPO", save_all=True, append_images=[photo])
    header = read_header(data, complete=True, max_pixels=MAX)
    assert header is not None
    assert header.format is ImageFormat.JPEG


def test_a_webp_whose_canvas_hides_a_larger_picture_is_refused(photo, encode):
    data = bytearray(encode(photo, "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"))
    assert data[12:16] == b"VP8X"
    data[24:30] = bytes(6)  # 1 x 1
    with pytest.raises(UndecodableImageError):
        read_header(bytes(data), complete=True, max_pixels=MAX)


@pytest.mark.parametrize(
    ("marker", "precision", "components"),
    [(0xC3, 8, 3), (0xCB, 8, 3), (0xCD, 8, 3), (0xC1, 12, 3), (0xC0, 8, 2), (0xC0, 8, 5)],
)
def test_rare_kinds_of_jpeg_are_refused_by_their_header(marker, precision, components):
    frame = bytes([precision, 0, 8, 0, 8, components]) + b"\x01\x11\x00" * components
    data = b"\xff\xd8\xff" + bytes([marker]) + struct.pack(">H", len(frame) + 2) + frame
    with pytest.raises(UnsupportedPixelFormatError):
        read_header(data, complete=True, max_pixels=MAX)


def test_a_float_tiff_and_a_raw_file_are_unsupported(encode):
    with pytest.raises(UnsupportedPixelFormatError):
        read_header(encode(Image.new("F", (4, 4)), "TIFF"), complete=True, max_pixels=MAX)
    with pytest.raises(UnsupportedPixelFormatError):
        read_header(
            encode(Image.new("L", (4, 4)), "TIFF", tiffinfo={50706: b"\1\4\0\0"}), complete=True, max_pixels=MAX
        )


def test_tiff_directories_in_a_circle_are_refused(encode):
    data = bytearray(tiff_of((4, 4)))
    data[-4:] = struct.pack("<I", 8)
    with pytest.raises((UndecodableImageError, AnimatedImageError)):
        read_header(bytes(data), complete=True, max_pixels=MAX)
