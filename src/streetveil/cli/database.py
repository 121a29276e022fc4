"""`streetveil db`: the schema of the database."""

from __future__ import annotations

import typer

from streetveil.bootstrap import open_database
from streetveil.cli.quiet import quiet_settings
from streetveil.observability.logs import configure_logging
from streetveil.settings import load_settings


def build_app() -> typer.Typer:
    """The verbs below `streetveil db`."""
    app = typer.Typer(help="Bring the database to this version's schema, or check it.", no_args_is_help=True)
    app.command("upgrade")(upgrade)
    app.command("check")(check)
    return app


def upgrade() -> None:
    """Bring the schema to this version's; does nothing where it is. Safe to run by several at once.

    Run it before a new version starts: API and workers refuse a schema that is not theirs.
    """
    settings = load_settings().settings
    configure_logging(settings.log_level, settings.log_format)
    with open_database(settings) as database:
        database.upgrade()
    typer.echo("The schema is up to date.")


def check() -> None:
    """Say whether the database can be used and has this version's schema; the exit code is 3 where not."""
    settings = quiet_settings()
    with open_database(settings) as database:
        database.check()
    typer.echo("The database can be used, and its schema is up to date.")
