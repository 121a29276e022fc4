"""Whatever bytes come in, only our own errors come out."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from streetveil.domain.geometry import Size
from streetveil.errors import StreetveilError
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
