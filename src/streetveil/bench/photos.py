"""The photos of a measurement: a few that are measured again and again, and uploads that are never twice the same."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg

from streetveil.domain.geometry import Size
from streetveil.errors import UnreadableFileError

FULL_HD = Size(1920, 1080)
_QUALITY = 90
_SUFFIXES = {".jpg", ".jpeg"}
_MOST = 8
_START_OF_IMAGE = b"\xff\xd8"


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """The JPEG files of one lap; every lap of every measurement has the same, so that their figures compare.

    Attributes:
        source: where they are from, for the report.
    """

    files: Sequence[bytes]
    source: str


class Uploads:
    """Those photos, round and round, none twice the same bytes. Safe to share by threads.

    A comment at the beginning of the file tells them apart. The pixels stay, so that each costs what its
    original costs; nothing in the product knows photos by their pixels.
    """

    def __init__(self, photos: PhotoSet) -> None:
        self._photos = photos
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def __next__(self) -> bytes:
        with self._lock:
            number = next(self._numbers)
        return with_comment(self._photos.files[number % len(self._photos.files)], f"streetveil bench {number}")

    def __iter__(self) -> Iterator[bytes]:
        return self


def with_comment(jpeg: bytes, text: str) -> bytes:
    """The same picture with a COM segment right after its start."""
    body = text.encode()
    return _START_OF_IMAGE + b"\xff\xfe" + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:]


def from_folder(folder: Path) -> PhotoSet:
    """Up to eight JPEG files of a folder, spread evenly over their names, as they are.

    Raises:
        UnreadableFileError: there are none, or one cannot be read.
    """
    try:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
        chosen = [paths[index * len(paths) // _MOST] for index in range(_MOST)] if len(paths) > _MOST else paths
        files = [path.read_bytes() for path in chosen]
    except OSError as error:
        raise UnreadableFileError(f"{error.filename} cannot be read: {error.strerror}.") from error
    if not files:
        raise UnreadableFileError(f"There are no JPEG files in {folder}.")
    return PhotoSet(files, f"{len(files)} of the {len(paths)} photos in the folder named by --images")


def from_samples(samples: Sequence[Path]) -> PhotoSet:
    """Each sample at 1920x1080, as it is and mirrored."""
    files = []
    for path in samples:
        pixels = cropped(simplejpeg.decode_jpeg(path.read_bytes(), "RGB"), FULL_HD)
        files += [encoded(pixels), encoded(pixels[:, ::-1])]
    names = ", ".join(path.name for path in samples)
    return PhotoSet(files, f"the samples {names}, also mirrored, at {FULL_HD.width}x{FULL_HD.height}")


def cropped(pixels: npt.NDArray[np.uint8], size: Size) -> npt.NDArray[np.uint8]:
    """The middle of a picture, filling `size`."""
    height, width = pixels.shape[:2]
    factor = max(size.width / width, size.height / height)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    scaled = (max(size.width, round(width * factor)), max(size.height, round(height * factor)))
    resized = cv2.resize(pixels, scaled, interpolation=method)
    top, left = (scaled[1] - size.height) // 2, (scaled[0] - size.width) // 2
    return np.asarray(resized[top : top + size.height, left : left + size.width], np.uint8)


def encoded(pixels: npt.NDArray[np.uint8]) -> bytes:
    """As a camera stores it: 4:2:0."""
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=_QUALITY, colorsubsampling="420")
    return data
