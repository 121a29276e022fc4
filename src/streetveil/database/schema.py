"""Which schema a database has, and how it gets this version's. Alembic's scripts are in `migrations/`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from streetveil.errors import SchemaMismatchError


def upgrade(connection: Connection) -> None:
    """Runs the missing migrations within the connection's transaction.

    Raises:
        SchemaMismatchError: the schema is newer than this version of the program.
    """
    _refuse_newer(connection)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def check(connection: Connection) -> None:
    """Returns where the schema is this version's.

    Raises:
        SchemaMismatchError: it is older, newer or missing.
    """
    current = _refuse_newer(connection)
    wanted = ScriptDirectory.from_config(_config()).get_current_head()
    if current != wanted:
        raise SchemaMismatchError(
            f"The database's schema is {current or 'empty'}, this version needs {wanted}: run `streetveil db upgrade`."
        )


def _refuse_newer(connection: Connection) -> str | None:
    current = MigrationContext.configure(connection).get_current_revision()
    try:
        if current is not None:
            ScriptDirectory.from_config(_config()).get_revision(current)
    except CommandError:
        raise SchemaMismatchError(
            f"The database's schema {current} is newer than this version of the program: install a newer version."
        ) from None
    return current


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
