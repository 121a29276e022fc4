"""Damaged pictures, made from a seed and a number, and what must hold for each; `scripts/fuzz.py` runs them."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from tests.unit.redaction import camera_files
from tests.unit.redaction.arithmetic_files import ARITHMETIC
from tests.unit.redaction.jpegs import FACTORS, Kind, encode, oriented, picture

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box, Size
from streetveil.domain.options import MetadataPolicy, Style
from streetveil.errors import RedactionFailedError, StreetveilError
from streetveil.imaging.colours import as_rgb
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import Picture
from streetveil.redaction.base import RedactedFile, Region, Shape
from streetveil.redaction.redactor import FileRedactor
from streetveil.redaction.verify import compare

_MOST_PIXELS = 300_000
_FLAT = {ImageFormat.JPEG: 2, ImageFormat.WEBP: 6}
"""How far a solid area may be from grey, by format; 0 for the others."""

_PART = 256
"""Bytes; a hidden picture has come through where as many of its own stand in the result."""

_BITS = (0, 1, 0x7F, 0x80, 0xFF)
_MARKERS = (0xC0, 0xC2, 0xC4, 0xC9, 0xCA, 0xCC, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE)


@dataclass(frozen=True)
class Seed:
    """A picture that is in order."""

    name: str
    suffix: str
    data: bytes


@dataclass(frozen=True)
class Case:
    """A damaged picture, and how it is to be redacted."""

    seed: Seed
    data: bytes
    policy: MetadataPolicy
    style: Style

    def describe(self) -> str:
        """For people."""
        return f"{self.seed.name}, {len(self.data)} bytes, {self.policy.value}, {self.style.value}"


def seeds() -> list[Seed]:
    """Small pictures of every accepted format, in every coding, and with what cameras write around them."""
    found = [
        Seed(f"jpeg {colours} progressive={progressive} restart={restart}", "jpg", oriented(
            encode(picture(72, 56), Kind(colours, 80, progressive, restart)), 1 + (restart + 5 * progressive) % 8
        ))
        for colours in [*FACTORS, "grey", "rgb", "cmyk", "ycck"]
        for progressive, restart in ((False, 0), (True, 0), (False, 2))
    ]  # fmt: skip
    found += [Seed(f"jpeg arithmetic {name}", "jpg", data) for name, (_, data) in ARITHMETIC.items()]
    plain = camera_files.encoded("JPEG", 3, (72, 56), quality=70, progressive=True)
    found += [Seed(f"camera, {name}", "jpg", make().around(plain)) for name, make in camera_files.STRUCTURES.items()]
    image = Image.fromarray(picture(60, 44))
    options: list[tuple[str, str, str, dict[str, object]]] = [
        ("PNG", "RGB", "png", {}), ("PNG", "RGBA", "png", {}), ("PNG", "P", "png", {}), ("PNG", "L", "png", {}),
        ("WEBP", "RGB", "webp", {"quality": 60}), ("WEBP", "RGBA", "webp", {"lossless": True}),
        ("TIFF", "RGB", "tif", {}), ("TIFF", "RGB", "tif", {"compression": "tiff_lzw"}),
        ("TIFF", "L", "tif", {"compression": "tiff_deflate"}), ("TIFF", "YCbCr", "tif", {"compression": "jpeg"}),
        ("BMP", "RGB", "bmp", {}), ("BMP", "P", "bmp", {}),
    ]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind, mode, suffix, how in options:
        for more in ({}, {"exif": exif}):
            if more and kind == "BMP":
                continue
            output = io.BytesIO()
            image.convert(mode).save(output, kind, **how, **more)
            found.append(
                Seed(f"{suffix} {mode} {how} {'with EXIF' if more else ''}".strip(), suffix, output.getvalue())
            )
    return found


def make(all_seeds: Sequence[Seed], seed: int, number: int) -> Case:
    """Case `number`: always the same for the same seed and pictures."""
    chance = random.Random(f"{seed}-{number}")
    chosen = chance.choice(all_seeds)
    content = bytearray(chosen.data)
    for _ in range(chance.choice((1, 1, 2, 3, 5, 12))):
        _damage(content, chance, chance.choice(all_seeds).data)
    return Case(chosen, bytes(content), chance.choice(list(MetadataPolicy)), chance.choice(list(Style)))


def _damage(content: bytearray, chance: random.Random, other: bytes) -> None:
    if not content:
        return
    # Headers are where lengths and sizes stand.
    at = chance.randrange(min(len(content), chance.choice((64, 700, 1 << 30))))
    match chance.randrange(9):
        case 0:
            content[at] = chance.randrange(256)
        case 1:
            content[at] = chance.choice(_BITS)
        case 2:
            content[at] ^= 1 << chance.randrange(8)
        case 3:
            del content[at : at + chance.randrange(1, 200)]
        case 4:
            content[at:at] = content[at : at + chance.randrange(1, 600)]
        case 5:
            start = chance.randrange(len(other))
            content[at:at] = other[start : start + chance.randrange(1, 4000)]
        case 6:
            del content[-chance.randrange(1, min(len(content), 400) + 1) :]
        case 7:
            content[at : at + 2] = bytes([0xFF, chance.choice(_MARKERS)])
        case _:
            size = chance.choice((2, 4))
            value = chance.choice((0, 1, len(content), (1 << 8 * size) - 1, chance.randrange(1 << 16)))
            content[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, chance.choice(("big", "little")))


def run(case: Case) -> str:
    """Reads and redacts as a worker does; says in a word how it ended.

    Raises:
        AssertionError: something was returned that must not be.
        Exception: any that is none of ours is a bug, too.
    """
    try:
        opened = Picture.open(case.data, max_pixels=_MOST_PIXELS)
        shown = opened.pixels(Size(8, 8))
        assert shown.dtype == np.uint8
        assert shown.ndim == 3
        redactor = FileRedactor()
        everything, part = _region(1e6, Style.SOLID), _region(max(opened.header.upright) / 2, case.style)
        _require_grey(redactor.redact(opened, [everything], case.policy), opened)
        _require_copy(redactor.redact(opened, [], case.policy), opened)
        _require_rest(redactor.redact(opened, [part], case.policy), opened)
    except RedactionFailedError as error:
        return f"refused {error.code}: {error}"[:110]
    except StreetveilError as error:
        return f"refused {error.code}"
    return f"redacted {opened.header.format.label}"


def _region(side: float, style: Style) -> Region:
    return Region(Box(-side, -side, side, side), Label.FACE, 0.9, style, Shape.RECTANGLE)


def _pixels(data: bytes) -> np.ndarray:
    """By Pillow alone, as another reader would see it."""
    with Image.open(io.BytesIO(data)) as image:
        return as_rgb(image).astype(int)


def _require_grey(result: RedactedFile, original: Picture) -> None:
    _require_same_kind(result, original)
    kind = original.header.format
    with Image.open(io.BytesIO(result.data)) as image:
        palette = image.mode in {"P", "1"}
    if not palette:  # which takes the nearest colour that it has
        pixels = _pixels(result.data)
        assert np.ptp(pixels.reshape(-1, 3), axis=0).max() <= 2 * _FLAT.get(kind, 0), "not everything was painted over"
    # A damaged length may add some bytes of what lies behind a value that stays; a picture is more than that.
    for secret in camera_files.HIDDEN:
        parts = (secret[at : at + _PART] for at in range(0, len(secret) - _PART, _PART))
        assert not any(part in result.data for part in parts), "a hidden picture came through"


def _require_copy(result: RedactedFile, original: Picture) -> None:
    _require_same_kind(result, original)
    written = Picture.open(result.data, max_pixels=_MOST_PIXELS)
    assert np.array_equal(written.pixels(), original.pixels()), "a copy shows another picture"


def _require_rest(result: RedactedFile, original: Picture) -> None:
    _require_same_kind(result, original)
    if original.header.format is ImageFormat.JPEG and result.lossless:
        comparison = compare(original, Picture.open(result.data, max_pixels=_MOST_PIXELS))
        assert not comparison.differences, comparison.differences


def _require_same_kind(result: RedactedFile, original: Picture) -> None:
    assert Picture.open(result.data, max_pixels=_MOST_PIXELS).header == original.header
