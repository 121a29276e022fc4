"""The ways to redact one JPEG, side by side."""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import simplejpeg

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box, Size
from streetveil.domain.options import MetadataPolicy, Style
from streetveil.imaging.picture import Picture
from streetveil.redaction.base import RedactedFile, Redactor, Region, Shape
from streetveil.redaction.pixels import PixelRedactor
from streetveil.redaction.redactor import FileRedactor

_MCU = 16


@dataclass(frozen=True, slots=True)
class Way:
    """One way to redact, and how long it took each time.

    Attributes:
        core_seconds: of processor time, of each repetition, child processes included.
        wall_seconds: of waiting for it.
        size: bytes of the result, None where there is none.
        lossless: whether the rest of the picture stayed as it was.
    """

    name: str
    core_seconds: tuple[float, ...]
    wall_seconds: tuple[float, ...]
    size: int | None
    lossless: bool | None

    @property
    def cost(self) -> float:
        """Seconds of one core, the median."""
        return statistics.median(self.core_seconds)


def spread(size: Size, count: int) -> list[Region]:
    """Faces of a twelfth of the shorter side, evenly over the picture."""
    side = min(size) / 12
    boxes = []
    for index in range(count):
        x, y = (index + 0.5) / count * size.width, ((index * 0.618 + 0.3) % 1) * size.height
        boxes.append(Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2))
    return [Region(box, Label.FACE, 1.0, Style.GAUSSIAN, Shape.ELLIPSE) for box in boxes]


def measure(picture: Picture, regions: list[Region], repeat: int) -> list[Way]:
    """Every way that this machine has, `repeat` times, taking turns."""

    def decoded() -> None:
        simplejpeg.decode_jpeg(picture.data, "RGB", strict=False)

    def redacted(redactor: Redactor) -> RedactedFile:
        return redactor.redact(picture, regions, MetadataPolicy.STRIP)

    runs: dict[str, Callable[[], RedactedFile | None]] = {"full decode": decoded}
    lossless = FileRedactor()
    if lossless.missing is None:
        runs["coefficients"] = partial(redacted, lossless)
    runs["pixels"] = partial(redacted, PixelRedactor())
    with TemporaryDirectory(prefix="streetveil-bench-") as folder:
        if program := shutil.which("jpegtran"):
            patches = _patches(picture, regions, Path(folder))
            runs["jpegtran"] = partial(_dropped, program, picture.data, patches)
        results = {name: run() for name, run in runs.items()}
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for _ in range(repeat):
            for name, run in runs.items():
                core, wall = _core_seconds(), time.perf_counter()
                run()
                seconds[name].append((_core_seconds() - core, time.perf_counter() - wall))
    ways = []
    for name, file in results.items():
        cores, walls = zip(*seconds[name], strict=True)
        ways.append(Way(name, cores, walls, len(file.data) if file else None, file.lossless if file else None))
    return ways


def _core_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _patches(picture: Picture, regions: list[Region], folder: Path) -> list[tuple[str, Path]]:
    """A grey JPEG of whole blocks for each region, and where it goes, as jpegtran takes them."""
    subsampling = simplejpeg.decode_jpeg_header(picture.data, strict=False)[3]
    found = []
    for number, region in enumerate(regions):
        box = picture.header.orientation.to_stored(region.box, picture.header.stored)
        left, top = (max(0, int(value) // _MCU * _MCU) for value in (box.x1, box.y1))
        grey = np.full((int(box.height) // _MCU * _MCU + _MCU, int(box.width) // _MCU * _MCU + _MCU, 3), 128, np.uint8)
        path = folder / f"{number}.jpg"
        kind = {"colorspace": "GRAY"} if subsampling == "Gray" else {"colorsubsampling": subsampling}
        path.write_bytes(simplejpeg.encode_jpeg(grey[..., :1] if subsampling == "Gray" else grey, **kind))
        found.append((f"+{left}+{top}", path))
    return found


def _dropped(program: str, data: bytes, patches: list[tuple[str, Path]]) -> RedactedFile:
    for place, path in patches:
        command = [program, "-copy", "none", "-drop", place, str(path)]
        data = subprocess.run(command, input=data, capture_output=True, check=True).stdout  # noqa: S603 - no shell
    return RedactedFile(data, lossless=True)
