"""`streetveil verify`: which blocks of a JPEG a redaction changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from streetveil.errors import UnreadableFileError
from streetveil.imaging.picture import Picture
from streetveil.jobs.folder.files import read_photo
from streetveil.redaction.verify import Comparison, compare
from streetveil.settings import load_settings

EXIT_DIFFERENT = 1
_SHOWN = 20


def verify(
    original: Annotated[Path, typer.Argument(metavar="ORIGINAL", help="The JPEG before redaction.")],
    redacted: Annotated[Path, typer.Argument(metavar="REDACTED", help="The JPEG after it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Prove that a redacted JPEG is the original outside of its regions.

    Compares the coefficients of every block, not pixels: what is identical was not coded a second time.
    Rectangles are in pixels as stored, before EXIF orientation.

    [bold]Exit codes[/bold]: 0 comparable; 1 size, sampling factors or quantisation tables differ; 2 wrong usage;
    3 a file cannot be read.
    """
    most = load_settings().settings.max_pixels
    before, after = (Picture.open(_read(path), max_pixels=most) for path in (original, redacted))
    comparison = compare(before, after)
    if as_json:
        typer.echo(json.dumps(as_dict(comparison), indent=2))
    else:
        for line in as_lines(comparison):
            typer.echo(line)
    if comparison.differences:
        raise typer.Exit(EXIT_DIFFERENT)


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON has it; boxes are [x1, y1, x2, y2]."""
    return {
        "comparable": not comparison.differences,
        "differences": list(comparison.differences),
        "blocks": comparison.blocks,
        "identical": comparison.identical,
        "components": [
            {"blocks": component.blocks, "identical": component.identical} for component in comparison.components
        ],
        "changed": [list(box.as_tuple()) for box in comparison.changed],
        "notes": list(comparison.notes),
    }


def as_lines(comparison: Comparison) -> list[str]:
    """The comparison in sentences."""
    if comparison.differences:
        return [*comparison.differences, "The files cannot be compared block by block."]
    changed = comparison.blocks - comparison.identical
    if not changed:
        lines = [f"All {comparison.blocks} blocks are identical."]
    else:
        # Rounded down: "100.0 %" must mean all of them.
        share = comparison.identical * 1000 // comparison.blocks / 10
        count = len(comparison.changed)
        boxes = [f"{box.width:.0f}x{box.height:.0f}+{box.x1:.0f}+{box.y1:.0f}" for box in comparison.changed[:_SHOWN]]
        more = [f"and {count - _SHOWN} more"] if count > _SHOWN else []
        rectangles = f"{count} rectangle{'s' if count > 1 else ''}: {', '.join([*boxes, *more])}"
        counted = f"{share} % of blocks identical ({comparison.identical} of {comparison.blocks})"
        lines = [f"{counted}; changed blocks lie in {rectangles}"]
    for number, component in enumerate(comparison.components, start=1):
        lines.append(f"component {number}: {component.identical} of {component.blocks} blocks identical")
    return [*lines, *comparison.notes]


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise UnreadableFileError(f"{path} is a folder; two files are compared.")
    return read_photo(path)
