"""`streetveil config`: what is in force, and why."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Annotated, Any

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streetveil.cli.text import visible
from streetveil.domain.durations import duration_text
from streetveil.settings import LoadedSettings, Settings, load_settings

_MASK = "********"


def build_app() -> typer.Typer:
    """The verbs below `streetveil config`."""
    app = typer.Typer(help="Show the settings in force.", no_args_is_help=True)
    app.command("show")(show)
    return app


def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False) -> None:
    """Print every setting, its value (secrets masked) and where it came from.

    Highest first: command line, environment, [bold].env[/bold], the JSON file named by
    [bold]PIPELINE_CONFIG[/bold], defaults.
    """
    loaded = load_settings()
    if as_json:
        values = {
            name.upper(): {"value": value, "origin": loaded.origins[name]} for name, value in printable(loaded).items()
        }
        typer.echo(json.dumps(values, indent=2))
        return
    table = Table("setting", "value", "from", "meaning", box=None, pad_edge=False)
    for name, value in printable(loaded).items():
        shown = "" if value is None else str(value)
        meaning = Settings.model_fields[name].description or ""
        table.add_row(name.upper(), *(escape(visible(text)) for text in (shown, loaded.origins[name], meaning)))
    Console().print(table)


def printable(loaded: LoadedSettings) -> dict[str, Any]:
    """Every setting as plain text or number, in order of definition; of a secret only that it is set."""
    values: dict[str, Any] = {}
    for name in Settings.model_fields:
        value = getattr(loaded.settings, name)
        values[name] = _MASK if isinstance(value, SecretStr) else _without_misplaced_secret(value)
    plain: dict[str, Any] = json.loads(json.dumps(values, default=_text))
    return plain


def _without_misplaced_secret(value: object) -> object:
    """The value; what is in the wrong place, and will be refused where it is used, is not shown either."""
    if not isinstance(value, str):
        return value
    return _MASK if "PRIVATE KEY" in value else re.sub(r"//[^/\s]*@", f"//{_MASK}@", value)


def _text(value: object) -> str:
    return duration_text(value) if isinstance(value, timedelta) else str(value)
