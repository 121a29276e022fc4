"""The `streetveil` command: collects the verbs, and turns errors into one line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from streetveil import __version__
from streetveil.cli.later import CommandLater
from streetveil.cli.text import visible
from streetveil.errors import StreetveilError, UnwritableOutputError

# sysexits.h has no code for "some files failed"; 1 is that, 2 is click's for wrong usage, 3 is ours for all else.
EXIT_ERROR = 3

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})

# Each verb's place, and the first line of its help, which a test compares: listing them all imports none of them.
_VERBS = (
    ("redact", "redact:redact", "Blur faces and licence plates in photos."),
    ("detect", "detect:detect", "Find faces, licence plates and vehicles without redacting anything."),
    ("serve", "serve:serve", "Run the HTTP service: embedded with its workers, or the API alone."),
    ("worker", "worker:worker", "Take jobs from the Redis queue and process them. Start as many as you like."),
    (
        "maintain",
        "maintain:maintain",
        "Queue lost jobs again, finish erasures, expire what is old, remove objects that belong to no job.",
    ),
    ("evaluate", "evaluate:evaluate", "Measure on labelled photos how much of each object redaction covers."),
    ("verify", "verify:verify", "Prove that a redacted JPEG is the original outside of its regions."),
    ("bench", "bench:build_app", "Measure what the parts cost on this machine."),
    ("models", "models:build_app", "List, fetch and check the default models and sample photos."),
    ("status", "status:status", "Show rates, queue, workers and failures, live; Ctrl-C ends it."),
    ("jobs", "jobs:build_app", "List, show and retry jobs."),
    ("audit", "audit:build_app", "Show and verify who did what to which job."),
    ("token", "token:build_app", "Make tokens for AUTH_MODE=jwt."),
    ("keys", "keys:build_app", "Make, rotate, list and delete the keys of sealed crops."),
    ("db", "database:build_app", "Bring the database to this version's schema, or check it."),
    ("webhook", "webhook:build_app", "Tell what receivers of webhooks need."),
    ("config", "config:build_app", "Show the settings in force."),
)

# Photos are worked on side by side, one per core. Libraries that use several threads for one of them only get in
# each other's way, and each keeps a stack and an arena for every core. ONNX Runtime is told by detection/session.py.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


def build_app() -> typer.Typer:
    """The whole command tree."""
    app = typer.Typer(
        name="streetveil",
        cls=_Verbs,
        help="Finds and irreversibly blurs faces and licence plates in street and car photos, and lists the vehicles.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_version_option)
    return app


class _Verbs(TyperGroup):
    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - whatever Typer gives its groups
        super().__init__(**attributes)
        for name, place, summary in _VERBS:
            self.add_command(CommandLater(name, f"streetveil.cli.{place}", summary))


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
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")  # read when the library is first imported, which is later than this
    try:
        build_app()()
    except StreetveilError as error:
        _end(error)
    except OSError as error:
        # Of a file's own errors each verb tells itself; these come without a file, from printing to a full disk.
        if error.filename is not None or error.errno not in _NO_ROOM:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left would fail again at the exit
        _end(UnwritableOutputError(f"The output cannot be written: {error.strerror}."))


def _end(error: StreetveilError) -> NoReturn:
    Console(stderr=True).print(
        f"[red]error[/red] ({error.code}): {escape(visible(error.detail))}", highlight=False, soft_wrap=True
    )
    sys.exit(EXIT_ERROR)
