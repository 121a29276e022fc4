"""JPEGs are turned the right way up, with their metadata."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from streetveil.errors import RedactionFailedError
from streetveil.redaction.turbojpeg import LIBRARY, TurboJpeg, blocks_at
from streetveil.redaction.upright import turned_upright

MAX_PIXELS = 10**6
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"'
    b' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Label="6"/></rdf:RDF></x:xmpmeta>'
)


def photo(orientation: int, size=(96, 64), mode="RGB", **options) -> bytes:
    """Smooth colours, with a corner that tells which way is up."""
    x, y = np.meshgrid(np.linspace(0, 200, size[0]), np.linspace(0, 200, size[1]))
    pixels = np.stack([x, y, (x + y) / 2], axis=2).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769).update({0xA002: size[0], 0xA003: size[1]})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0)})
    stream = io.BytesIO()
    image = Image.fromarray(pixels).convert(mode)
    image.save(stream, "JPEG", **{"quality": 90, "exif": exif, "comment": b"kept", **options})
    return stream.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def difference(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other)).max())


def coefficients(data: bytes) -> np.ndarray:
    """All of them without their signs and places, which change with a turn."""
    rows: list[np.ndarray] = []
    TurboJpeg().read(data, lambda _, __, address, blocks: rows.append(np.abs(blocks_at(address, blocks)).ravel()))
    return np.sort(np.concatenate(rows))


@pytest.mark.parametrize("library", [LIBRARY, "no-such-library.so"])
@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("options", [{"subsampling": 0}, {"subsampling": 2, "progressive": True}, {"subsampling": 1}])
def test_pixels_are_turned_as_viewers_show_them(orientation, options, library):
    original = photo(orientation, **options)
    turned = opened(turned_upright(original, max_pixels=MAX_PIXELS, library=library))

    assert turned.size == ((64, 96) if orientation > 4 else (96, 64))
    assert difference(turned, ImageOps.exif_transpose(opened(original))) <= 6
    assert turned.info.get("progressive") == options.get("progressive")


@pytest.mark.parametrize(("mode", "size"), [("L", (96, 64)), ("CMYK", (96, 64)), ("RGB", (91, 53)), ("RGB", (9, 21))])
def test_other_colours_and_odd_sizes_are_turned_too(mode, size):
    original = photo(6, size, mode)
    turned = opened(turned_upright(original, max_pixels=MAX_PIXELS))

    assert (turned.mode, turned.size) == (mode, size[::-1])
    assert difference(turned, ImageOps.exif_transpose(opened(original))) <= 12


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_where_edges_lie_between_blocks_no_coefficient_changes(orientation, subsampling):
    original = photo(orientation, subsampling=subsampling)
    turned = turned_upright(original, max_pixels=MAX_PIXELS)
    assert (coefficients(turned) == coefficients(original)).all()


def test_metadata_stay_but_for_what_the_turn_changes():
    original = photo(6, xmp=XMP % 6)
    before, after = opened(original).getexif(), opened(turned_upright(original, max_pixels=MAX_PIXELS))
    exif = after.getexif()

    assert exif[0x0112] == 1
    assert exif[0x010F] == "Maker"
    assert dict(exif.get_ifd(0x8825)) == dict(before.get_ifd(0x8825))
    assert (exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003]) == (64, 96)
    assert after.info["comment"] == b"kept"
    assert after.info["xmp"] == XMP % 1
    assert len(exif.tobytes()) == len(before.tobytes())


def test_a_half_turn_keeps_the_sizes_in_exif():
    exif = opened(turned_upright(photo(3), max_pixels=MAX_PIXELS)).getexif()
    assert (exif[0x0112], exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003]) == (1, 96, 64)


def test_what_is_upright_stays_byte_for_byte():
    original = photo(1)
    assert turned_upright(original, max_pixels=MAX_PIXELS) is original


def test_a_broken_file_is_refused():
    with pytest.raises(RedactionFailedError):
        turned_upright(photo(6)[:-200], max_pixels=MAX_PIXELS)
