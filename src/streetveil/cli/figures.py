"""Figures as JSON, for verbs that measure and show a table otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from streetveil.errors import UnwritableOutputError

JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the figures as JSON too; - prints only JSON.")
]


def told_as_json(figures: dict[str, Any], file: Path | None) -> bool:
    """Prints or writes the figures where JSON is asked for; True where nothing else is to be printed.

    Raises:
        UnwritableOutputError: the file cannot be written.
    """
    if file is None:
        return False
    text = json.dumps(figures, indent=2)
    if file == Path("-"):
        typer.echo(text)
        return True
    try:
        file.write_text(f"{text}\n", "utf-8")
    except OSError as error:
        raise UnwritableOutputError(f"{file} cannot be written: {error.strerror}.") from error
    return False
