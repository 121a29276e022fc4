"""The `streetveil` command: collects the verbs, and turns errors into one line and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from streetveil import __version__
from streetveil.cli import (
    bench,
    config,
    database,
    detect,
    evaluate,
    jobs,
    maintain,
    models,
    redact,
    serve,
    verify,
    worker,
)
from streetveil.cli.text import visible
from streetveil.errors import StreetveilError

# sysexits.h has no code for "some files failed"; 1 is that, 2 is click's for wrong usage, 3 is ours for all else.
EXIT_ERROR = 3


def build_app() -> typer.Typer:
    """The whole command tree."""
    app = typer.Typer(
        name="streetveil",
        help="Finds and irreversibly blurs faces and licence plates in street and car photos, and lists the vehicles.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_version_option)
    app.command("redact")(redact.redact)
    app.command("detect")(detect.detect)
    app.command("serve")(serve.serve)
    app.command("worker")(worker.worker)
    app.command("maintain")(maintain.maintain)
    app.command("evaluate")(evaluate.evaluate)
    app.command("verify")(verify.verify)
    app.add_typer(bench.build_app(), name="bench")
    app.add_typer(models.build_app(), name="models")
    app.add_typer(jobs.build_app(), name="jobs")
    app.add_typer(database.build_app(), name="db")
    app.add_typer(config.build_app(), name="config")
    return app


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"streetveil {__version__}")
        raise typer.Exit


def _version_option(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


def run() -> None:
    """Entry point of the installed command."""
    try:
        build_app()()
    except StreetveilError as error:
        Console(stderr=True).print(
            f"[red]error[/red] ({error.code}): {escape(visible(error.detail))}", highlight=False, soft_wrap=True
        )
        sys.exit(EXIT_ERROR)
