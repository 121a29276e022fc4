"""Whatever bytes come in, only our own errors come out."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
import simplejpeg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from streetveil.domain.geometry import Size
from streetveil.errors import StreetveilError, UndecodableImageError
from streetveil.imaging.header import read_header
from streetveil.imaging.picture import Picture

KINDS = ["JPEG", "PROGRESSIVE", "PNG", "WEBP", "LOSSLESS", "TIFF", "LZW", "BMP", "PALETTE"]
QUICK = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@cache
def sample(kind: str) -> bytes:
    y, x = np.mgrid[0:24, 0:32]
    image = Image.fromarray(np.dstack([x * 8, y * 10, x + y]).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
    options: dict[str, object] = {"exif": exif}
    match kind:
        case "PROGRESSIVE":
            kind, options = "JPEG", {"progressive": True, **options}
        case "LOSSLESS":
            kind, options = "WEBP", {"lossless": True, **options}
        case "LZW":
            kind, options = "TIFF", {"compression": "tiff_lzw"}
        case "PALETTE":
            kind, image = "BMP", image.convert("P")
    output = io.BytesIO()
    image.save(output, kind, **({} if kind == "BMP" else options))
    return output.getvalue()


@st.composite
def damaged(draw: st.DrawFn, kind: str) -> bytes:
    data = bytearray(sample(kind))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, min(len(data) - 1, 400)) | st.integers(0, len(data) - 1))
        data[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFE, 0xFF]) | st.integers(0, 255))
    if draw(st.booleans()):
        del data[draw(st.integers(1, len(data))) :]
    return bytes(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused_with_our_own_error(kind):
    @QUICK
    @given(damaged(kind))
    def check(data: bytes) -> None:
        try:
            header = read_header(data, complete=False, max_pixels=100_000)
            picture = Picture.open(data, max_pixels=100_000)
            assert header is None or header.stored.pixels <= 100_000
            shown = picture.pixels(Size(8, 8))
        except StreetveilError:
            return
        assert shown.dtype == np.uint8
        assert shown.ndim == 3

    check()


@QUICK
@given(st.sampled_from([sample(kind)[:16] for kind in KINDS]), st.binary(max_size=200))
def test_noise_behind_a_signature_is_refused_or_asks_for_more(signature, noise):
    try:
        header = read_header(signature + noise, complete=False, max_pixels=1000)
    except StreetveilError:
        return
    assert header is None or header.stored.pixels <= 1000


def _asking_for_passes(side: int, scans: int, start_of_frame: int) -> bytes:
    """A whole JPEG of few bytes that says it has `side` x `side` grey pixels in so many scans."""
    frame = bytes([0xFF, start_of_frame, 0, 11, 8]) + side.to_bytes(2) * 2 + b"\x01\x01\x11\x00"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00" + b"\x55" * 4
    return b"\xff\xd8" + frame + scan * scans + b"\xff\xd9"


@pytest.mark.parametrize(
    ("side", "scans", "start_of_frame"),
    [(100, 129, 0xC2), (12_000, 14, 0xC2), (11_000, 1, 0xC9), (5_000, 5, 0xCA)],
    ids=["scans", "pixels and scans", "arithmetic", "arithmetic and scans"],
)
def test_few_bytes_that_ask_for_hours_of_work_are_refused_before_any(monkeypatch, side, scans, start_of_frame):
    picture = Picture.open(_asking_for_passes(side, scans, start_of_frame), max_pixels=150_000_000)
    monkeypatch.setattr(simplejpeg, "decode_jpeg", None)
    with pytest.raises(UndecodableImageError, match="too many scans"):
        picture.pixels()


@pytest.mark.parametrize(("side", "scans", "start_of_frame"), [(12_000, 13, 0xC2), (10_000, 1, 0xC9), (100, 128, 0xC2)])
def test_large_pictures_with_the_usual_number_of_scans_are_not(side, scans, start_of_frame):
    picture = Picture.open(_asking_for_passes(side, scans, start_of_frame), max_pixels=150_000_000)
    assert picture.jpeg_layout.frame.size == (side, side)
