"""`streetveil bench redaction`: what the ways to redact one JPEG cost on this machine."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import simplejpeg
import typer
from rich.console import Console
from rich.table import Table

from streetveil.bench.machine import machine
from streetveil.bench.processes import ended_in_order
from streetveil.bench.ways import Way, measure, spread
from streetveil.cli.figures import JsonFile, told_as_json
from streetveil.errors import UnsupportedMediaError
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import Picture
from streetveil.jobs.folder.files import read_photo
from streetveil.settings import load_settings


def redaction(
    photo: Annotated[Path | None, typer.Argument(metavar="JPEG", help="Default: a made-up photo, 1920x1080.")] = None,
    regions: Annotated[int, typer.Option(min=1, max=100, help="Faces to redact, spread over the photo.")] = 3,
    repeat: Annotated[int, typer.Option(min=1, max=1000, help="Times that each way is measured.")] = 20,
    json_file: JsonFile = None,
) -> None:
    """Redact one photo in every way there is, and time them.

    [bold]coefficients[/bold] edits DCT blocks; [bold]pixels[/bold] decodes and codes again; both read their result
    back, as they always do. [bold]jpegtran[/bold] is one run of that program per region, without painting, which
    needs it on the PATH. The ways take turns, so that a busy machine slows all of them. Shown are medians of
    processor time ([bold]core ms[/bold]), child processes included, and of waiting ([bold]wall ms[/bold]).
    """
    data = _made_up_photo() if photo is None else read_photo(photo)
    picture = Picture.open(data, max_pixels=load_settings().settings.max_pixels)
    if picture.header.format is not ImageFormat.JPEG:
        raise UnsupportedMediaError("Only JPEG files can be redacted in more than one way.")
    picture.check()  # detection has decoded it by the time it is redacted
    with ended_in_order():
        ways = measure(picture, spread(picture.header.upright, regions), repeat)
    if not told_as_json(as_dict(picture, ways, regions), json_file):
        Console().print(as_table(ways))


def as_dict(picture: Picture, ways: list[Way], regions: int) -> dict[str, Any]:
    """The figures as JSON has them; times in milliseconds."""
    size = picture.header.upright
    return {
        "machine": machine(),
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


def _made_up_photo() -> bytes:
    """Soft shapes with a little noise: about as many bytes as a camera's photo of this size and quality."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (68, 120, 3), dtype=np.uint8)
    smooth = cv2.resize(coarse, (1920, 1080), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    grain = random.integers(-6, 7, (1080, 1920, 1), dtype=np.int16)
    pixels = (smooth + grain).clip(0, 255).astype(np.uint8)
    encoded: bytes = simplejpeg.encode_jpeg(pixels, quality=85, colorsubsampling="420")
    return encoded
