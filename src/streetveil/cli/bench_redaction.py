"""`streetveil bench redaction`: what the ways to redact one JPEG cost on this machine."""

from __future__ import annotations

import json
import platform
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
from typing import Annotated, Any

import cv2
import numpy as np
import simplejpeg
import typer
from rich.console import Console
from rich.table import Table

from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box, Size
from streetveil.domain.options import MetadataPolicy, Style
from streetveil.errors import UnreadableFileError, UnsupportedMediaError
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import Picture
from streetveil.redaction.base import RedactedFile, Redactor, Region, Shape
from streetveil.redaction.pixels import PixelRedactor
from streetveil.redaction.redactor import FileRedactor
from streetveil.settings import load_settings

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


def redaction(
    photo: Annotated[Path | None, typer.Argument(metavar="JPEG", help="Default: a made-up photo, 1920x1080.")] = None,
    regions: Annotated[int, typer.Option(min=1, max=100, help="Faces to redact, spread over the photo.")] = 3,
    repeat: Annotated[int, typer.Option(min=1, max=1000, help="Times that each way is measured.")] = 20,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures as JSON too; - prints only JSON.")
    ] = None,
) -> None:
    """Redact one photo in every way there is, and time them.

    [bold]coefficients[/bold] edits DCT blocks; [bold]pixels[/bold] decodes and codes again; both read their result
    back, as they always do. [bold]jpegtran[/bold] is one run of that program per region, without painting, which
    needs it on the PATH. The ways take turns, so that a busy machine slows all of them. Shown are medians of
    processor time ([bold]core ms[/bold]), child processes included, and of waiting ([bold]wall ms[/bold]).
    """
    data = _made_up_photo() if photo is None else _read(photo)
    picture = Picture.open(data, max_pixels=load_settings().settings.max_pixels)
    if picture.header.format is not ImageFormat.JPEG:
        raise UnsupportedMediaError("Only JPEG files can be redacted in more than one way.")
    picture.check()  # detection has decoded it by the time it is redacted
    ways = measure(picture, spread(picture.header.upright, regions), repeat)
    figures = as_dict(picture, ways, regions)
    if json_file == Path("-"):
        typer.echo(json.dumps(figures, indent=2))
        return
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    Console().print(as_table(ways))


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


def as_dict(picture: Picture, ways: list[Way], regions: int) -> dict[str, Any]:
    """The figures as JSON has them; times in milliseconds."""
    size = picture.header.upright
    return {
        "machine": {"processor": _processor(), "python": platform.python_version()},
        "photo": {"width": size.width, "height": size.height, "bytes": len(picture.data)},
        "regions": regions,
        "ways": [
            {
                "name": way.name,
                "core_ms": round(way.cost * 1e3, 2),
                "wall_ms": round(statistics.median(way.wall_seconds) * 1e3, 2),
                "decodes": round(way.cost / ways[0].cost, 2),
                "bytes": way.size,
                "lossless": way.lossless,
            }
            for way in ways
        ],
    }


def as_table(ways: list[Way]) -> Table:
    """One row per way; the first is the measure of the others."""
    table = Table(box=None, pad_edge=False)
    table.add_column("way", no_wrap=True)
    for heading in ("core ms", "wall ms", "decodes", "bytes"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("rest unchanged")
    for way in ways:
        table.add_row(
            way.name,
            f"{way.cost * 1e3:.1f}",
            f"{statistics.median(way.wall_seconds) * 1e3:.1f}",
            f"{way.cost / ways[0].cost:.2f}",
            "" if way.size is None else str(way.size),
            {True: "yes", False: "no", None: ""}[way.lossless],
        )
    return table


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _made_up_photo() -> bytes:
    """Soft shapes with a little noise: about as many bytes as a camera's photo of this size and quality."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (68, 120, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (1920, 1080), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    grain = random.integers(-6, 7, (1080, 1920, 1), dtype=np.int16)
    pixels = (smooth + grain).clip(0, 255).astype(np.uint8)
    encoded: bytes = simplejpeg.encode_jpeg(pixels, quality=85, colorsubsampling="420")
    return encoded


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be read: {error.strerror}.") from error
