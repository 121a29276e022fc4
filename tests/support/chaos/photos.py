"""A stream of photos that are all different, in their pixels too: a result that got mixed up is noticed."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

_LONGER_SIDE = 320
_BITS = 20
_BLOCK = 8  # pixels; as the blocks of a JPEG, so that the number survives the encoding


class Kind(Enum):
    """What is to become of an upload."""

    GOOD = "completed"
    BROKEN = "failed"  # the header is sound, so it is taken; the rest is missing
    NO_PHOTO = "refused"


@dataclass(frozen=True)
class Photo:
    number: int
    kind: Kind
    data: bytes

    @property
    def name(self) -> str:
        return f"{self.number:06}.jpg"


class PhotoStream:
    """The photo of each number, the same for the same seed; small variants of some sample photos."""

    def __init__(self, samples: Sequence[Path], seed: int) -> None:
        self._seed = seed
        self._bases: list[Image.Image] = []
        for sample in samples:
            with Image.open(sample) as opened:
                opened.thumbnail((_LONGER_SIDE, _LONGER_SIDE))
                base = opened.convert("RGB")
            self._bases += [base, ImageOps.mirror(base)]

    def __getitem__(self, number: int) -> Photo:
        chance = random.Random(f"{self._seed}/{number}")
        lot = chance.random()
        if lot < 0.04:
            return Photo(number, Kind.NO_PHOTO, f"Photo {number} is a text.".encode())
        data = self._jpeg(number, chance)
        # A photo that is cut after half of its bytes has its header, and too little of its picture.
        return Photo(number, Kind.BROKEN, data[: len(data) // 2]) if lot < 0.1 else Photo(number, Kind.GOOD, data)

    def _jpeg(self, number: int, chance: random.Random) -> bytes:
        pixels = np.array(chance.choice(self._bases))
        for bit in range(_BITS):
            pixels[:_BLOCK, bit * _BLOCK : (bit + 1) * _BLOCK] = 255 * (number >> bit & 1)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=chance.randint(80, 95))
        return file.getvalue()
