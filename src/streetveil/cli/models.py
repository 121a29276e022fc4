"""`streetveil models`: what the default models are, fetching them, checking what is cached, and tuning."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from streetveil.cli.pull_display import PullDisplay
from streetveil.cli.tune import tune_models
from streetveil.detection.models import CATALOGUE, Card, ModelCard
from streetveil.detection.weights import ModelCache
from streetveil.errors import ModelError
from streetveil.settings import load_settings

_NAMES = ", ".join(card.name for card in CATALOGUE)
_PIPED_COLUMNS = 220  # a table that goes into a file is not folded to a guessed width

Names = Annotated[list[str] | None, typer.Argument(help=f"Some of {_NAMES}; all of them if none is named.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
CacheFolder = Annotated[
    Path | None, typer.Option("--cache", help="Folder of the model cache; the setting STREETVEIL_CACHE if not given.")
]


def build_app() -> typer.Typer:
    """The `models` commands, to be added to the program's."""
    app = typer.Typer(help="List, fetch and check the default models and sample photos.", no_args_is_help=True)
    app.callback()(_open_cache)
    app.command("list")(list_models)
    app.command("pull")(pull_models)
    app.command("verify")(verify_models)
    app.command("tune")(tune_models)
    return app


def _open_cache(context: typer.Context, cache: CacheFolder = None) -> None:
    context.obj = ModelCache(load_settings({"streetveil_cache": cache}).settings.streetveil_cache)


def list_models(
    context: typer.Context,
    *,
    wide: Annotated[bool, typer.Option("--wide", help="Whole SHA-256 digests, and where the files are.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show every model and sample photo: task, package, size, digest, licence, threshold, and whether it is cached."""
    cache: ModelCache = context.obj
    rows = [_describe(cache, card) for card in CATALOGUE]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("name", "task", "package", "size", "SHA-256", "licence", "threshold", "state"):
        table.add_column(column, justify="right" if column in {"size", "threshold"} else "left", overflow="fold")
    for row in rows:
        table.add_row(
            row["name"],
            row["task"],
            row["package"],
            f"{row['size'] / 1e6:.1f} MB",
            row["sha256"] if wide else row["sha256"][:12],
            row["licence"],
            "-" if row["default_threshold"] is None else f"{row['default_threshold']:g}",
            row["state"],
        )
    console = _stdout()
    console.print(table)
    if wide:
        console.print(f"\ncache: {cache.root}", soft_wrap=True, highlight=False)


def pull_models(context: typer.Context, names: Names = None) -> None:
    """Fetch what is missing or damaged, check it, and convert it. Needs no network where all is there already."""
    cache: ModelCache = context.obj
    cards = _chosen(names)
    with PullDisplay(Console(stderr=True)) as display:
        cache.pull(cards, display)
    for card in cards:
        typer.echo(f"{card.name}: {cache.path(card)}")


def verify_models(context: typer.Context, names: Names = None, *, as_json: AsJson = False) -> None:
    """Hash every cached file again. Ends with 1 if one is missing or is not what it should be."""
    cache: ModelCache = context.obj
    results: list[dict[str, str]] = []
    for card in _chosen(names):
        try:
            cache.verify(card)
        except ModelError as error:
            results.append({"name": card.name, "result": error.code, "detail": error.detail})
        else:
            results.append({"name": card.name, "result": "ok", "detail": ""})
    if as_json:
        typer.echo(json.dumps(results, indent=2))
    else:
        for result in results:
            typer.echo(f"{result['name']}: {result['result']}" + (f": {result['detail']}" if result["detail"] else ""))
    if any(result["result"] != "ok" for result in results):
        raise typer.Exit(1)


def _chosen(names: list[str] | None) -> list[Card]:
    known = {card.name: card for card in CATALOGUE}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise typer.BadParameter(f"There is no {unknown[0][:40]!r}; the catalogue has {_NAMES}.")
    return [known[name] for name in dict.fromkeys(names)] if names else list(CATALOGUE)


def _describe(cache: ModelCache, card: Card) -> dict[str, Any]:
    model = card if isinstance(card, ModelCard) else None
    return {
        "name": card.name,
        "version": card.version,
        "task": model.task if model else "sample",
        "package": str(card.source),
        "members": [{"path": member.path, "size": member.size, "sha256": member.sha256} for member in card.members],
        "size": sum(member.size for member in card.members),
        "sha256": card.sha256,
        "licence": card.licence,
        "licence_note": model.licence_note if model else "",
        "default_threshold": model.default_threshold if model else None,
        "state": str(cache.state(card)),
    }


def _stdout() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=_PIPED_COLUMNS)
