"""Small files that unpack to much: what a decoder must not believe. Run as a program it measures what they cost."""

from __future__ import annotations

import io
import resource
import struct
import sys
import zlib
from collections.abc import Callable

from PIL import Image, TiffImagePlugin
from tests.support.hostile_photos import OneFace

from streetveil.domain.options import JobOptions
from streetveil.errors import StreetveilError
from streetveil.jobs.anonymise import Anonymiser
from streetveil.redaction.redactor import FileRedactor

UNPACKED = 256 * 1024**2
"""Bytes that each would fill."""

_MAX_PIXELS = 150_000_000


def zeros(size: int) -> bytes:
    """`size` zero bytes, deflated: a thousandth of that."""
    packer, block = zlib.compressobj(9), bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(*between: bytes, side: int = 64, pixels: bytes | None = None) -> bytes:
    """A black PNG with more chunks before its pixels."""
    pixels = zlib.compress(bytes((1 + 3 * side) * side)) if pixels is None else pixels
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(between) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def tiff(compression: str, change: Callable[[bytes], bytes] = lambda data: data) -> bytes:
    """A black TIFF, `change`d afterwards."""
    output = io.BytesIO()
    Image.new("RGB", (64, 64)).save(output, "TIFF", compression=compression)
    return change(output.getvalue())


def _tiff_with_long_strip() -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270] = "x"
    packed = zeros(UNPACKED)
    output = io.BytesIO()
    Image.new("RGB", (64, 64)).save(output, "TIFF", compression="tiff_adobe_deflate", tiffinfo=tags)
    data = bytearray(output.getvalue())
    # Its one strip is moved to the end and grows: StripOffsets (273) and StripByteCounts (279) of the first directory.
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    for at in range(directory + 2, directory + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from("<H", data, at)
        if tag in (273, 279):
            struct.pack_into("<HI", data, at + 2, 4, 1)
            struct.pack_into("<I", data, at + 8, len(data) if tag == 273 else len(packed))
    return bytes(data) + packed


def _jpeg_with_scans() -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (512, 512)).save(output, "JPEG", progressive=True)
    data = output.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 2000 + b"\xff\xd9"


def bombs() -> dict[str, bytes]:
    """Each by its name."""
    big = zeros(UNPACKED)
    webp = io.BytesIO()
    Image.new("RGB", (64, 64)).save(webp, "WEBP", lossless=True)
    return {
        "png, pixels that go on": png(pixels=big),
        "png, profile": png(_chunk(b"iCCP", b"p\0\0" + big)),
        "png, zTXt": png(_chunk(b"zTXt", b"Comment\0\0" + big)),
        "png, iTXt": png(_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + big)),
        "png, many texts": png(*[_chunk(b"zTXt", b"Comment\0\0" + zeros(UNPACKED >> 6)) for _ in range(64)]),
        "png, claims": png(side=12_000, pixels=zlib.compress(b"")),
        "webp, claims a long file": webp.getvalue()[:4] + b"\xf0\xff\xff\xff" + webp.getvalue()[8:],
        "tiff, strip": _tiff_with_long_strip(),
        "jpeg, thousands of scans": _jpeg_with_scans(),
    }


def main() -> None:
    """Redacts each under each policy for metadata; prints how it went and how far memory grew in all, in MiB."""
    anonymise = Anonymiser(OneFace(), FileRedactor(), max_pixels=_MAX_PIXELS)
    anonymise(png(), JobOptions())  # what the libraries take by themselves
    files = bombs()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, data in files.items():
        for policy in ("strip", "keep", "keep-except-gps"):
            try:
                anonymise(data, JobOptions.parse({"metadata": policy}))
                came = "redacted"
            except StreetveilError as error:
                came = error.code
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
            sys.stdout.write(f"{name} | {policy} | {len(data)} bytes | {came} | {grown}\n")


if __name__ == "__main__":
    main()
