"""Makes photos to load the service with: 1920x1080 JPEG files of some 300 kB, all different in their pixels.

    .venv/bin/python load-tests/make_photos.py --count 8

They are cut out of the sample photos that `streetveil models pull` fetches, or out of your own (--from FOLDER), at
other places and scales each, half of them mirrored. The same seed makes the same photos. Beside them `index.json`
lists their names, for load-test.js: k6 cannot list a folder.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from streetveil.detection.models import SAMPLES
from streetveil.detection.weights import ModelCache
from streetveil.errors import StreetveilError
from streetveil.settings import load_settings

WIDTH, HEIGHT = 1920, 1080
HERE = Path(__file__).resolve().parent
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
_CLOSEST = 1.35  # how far a cut-out may zoom in
_GRAIN = 3.5  # standard deviation of the noise, of 255: an enlarged sample has less detail than a camera's photo
_QUALITY = 85


def main() -> int:
    """Makes the photos and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=8, metavar="N", help="how many (8)")
    parser.add_argument("--output", type=Path, default=HERE / "photos", metavar="DIR", help="where to (photos/)")
    parser.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="cut them out of these photos")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same photos (1)")
    arguments = parser.parse_args()
    try:
        sources = photos_in(arguments.source) if arguments.source else sample_photos()
    except (StreetveilError, OSError) as error:
        print(f"No photos to start from: {error}", file=sys.stderr)
        return 2
    paths = write_photos(sources, arguments.output, arguments.count, arguments.seed)
    size = sum(path.stat().st_size for path in paths) // 1000
    print(f"{len(paths)} photos of {WIDTH}x{HEIGHT}, {size} kB: {arguments.output}")
    return 0


def sample_photos() -> list[Path]:
    """The samples of the model cache, fetched where they are missing.

    Raises:
        ModelMissingError: they cannot be fetched.
    """
    cache = ModelCache(load_settings().settings.streetveil_cache)
    cache.pull(SAMPLES)
    return [cache.path(card) for card in SAMPLES]


def photos_in(folder: Path) -> list[Path]:
    """The photos of a folder, by name.

    Raises:
        FileNotFoundError: there are none.
    """
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise FileNotFoundError(f"{folder} holds no photos.")
    return found


def write_photos(sources: Sequence[Path], folder: Path, count: int, seed: int = 1) -> list[Path]:
    """Writes `count` photos and their index into `folder`, which is made where it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, data in enumerate(make_photos(sources, count, seed)):
        paths.append(folder / f"{number:05}.jpg")
        paths[-1].write_bytes(data)
    (folder / "index.json").write_text(json.dumps([path.name for path in paths]) + "\n")
    return paths


def make_photos(sources: Sequence[Path], count: int, seed: int = 1) -> Iterator[bytes]:
    """The bytes of each photo, in turns out of each source."""
    pictures = [opened_photo(path) for path in sources]
    for number in range(count):
        chance = random.Random(f"{seed}/{number}")  # noqa: S311 - no secret
        picture = pictures[number % len(pictures)]
        yield encoded(_cut(picture, chance), chance)


def opened_photo(path: Path) -> Image.Image:
    """The upright picture."""
    with Image.open(path) as opened:
        return ImageOps.exif_transpose(opened.convert("RGB"))


def _cut(picture: Image.Image, chance: random.Random) -> Image.Image:
    """A part of the picture in the shape of the photo, enlarged or reduced to its size."""
    zoom = chance.uniform(1.0, _CLOSEST)
    width = min(picture.width, picture.height * WIDTH / HEIGHT) / zoom
    height = width * HEIGHT / WIDTH
    left = chance.uniform(0, picture.width - width)
    top = chance.uniform(0, picture.height - height)
    cut = picture.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, (left, top, left + width, top + height))
    return ImageOps.mirror(cut) if chance.random() < 0.5 else cut


def encoded(picture: Image.Image, chance: random.Random) -> bytes:
    """A JPEG file of the picture with the grain of an enlarged photo."""
    grain = np.random.default_rng(chance.getrandbits(32)).normal(0, _GRAIN, (picture.height, picture.width, 1))
    pixels = (np.asarray(picture) + grain).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main())
