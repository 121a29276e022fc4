"""Which schema a database has, and how it gets this version's. Alembic's scripts are in `migrations/`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text

from streetveil.errors import ConfigurationError, DatabaseUnavailableError, SchemaMismatchError

_WAIT_FOR_OTHERS_S = 600


@contextmanager
def locked(connection: Connection) -> Iterator[None]:
    """Lets one process at a time change the schema.

    SQLite needs nothing but the writers' lock that the connection has. MySQL and MariaDB commit after every change
    of a table, so there a named lock is held by the connection; it ends with it, however that comes.

    Raises:
        DatabaseUnavailableError: others were at it for ten minutes.
    """
    if connection.dialect.name == "sqlite":
        yield
        return
    name = {"name": f"streetveil.{connection.engine.url.database}"[:64]}
    if connection.scalar(text("SELECT GET_LOCK(:name, :wait)"), name | {"wait": _WAIT_FOR_OTHERS_S}) != 1:
        raise DatabaseUnavailableError("Another process has been changing the database's schema for ten minutes.")
    # Where this raises, the connection cannot be used to let go of the lock; it is closed by who opened it.
    yield
    connection.execute(text("SELECT RELEASE_LOCK(:name)"), name)


def upgrade(connection: Connection) -> None:
    """Runs the missing migrations.

    Raises:
        SchemaMismatchError: the schema is newer than this version of the program.
    """
    _refuse_newer(connection)
    _run(connection, command.upgrade, "head")


def downgrade(connection: Connection, revision: str) -> None:
    """Undoes the migrations after `revision`; `base` undoes all.

    Raises:
        SchemaMismatchError: the schema is newer than this version of the program.
        ConfigurationError: there is no such revision.
    """
    _refuse_newer(connection)
    known = [
        "base",
        *(step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions("base", "heads")),
    ]
    if revision not in known:
        raise ConfigurationError(
            f"The schema cannot be taken back to {revision[:40]!r}; there are: {', '.join(known)}."
        )
    _run(connection, command.downgrade, revision)


def check(connection: Connection) -> None:
    """Returns where the schema is this version's and the database can be written to.

    Raises:
        SchemaMismatchError: it is older, newer or missing.
    """
    current = MigrationContext.configure(connection).get_current_revision()
    if current != _head():
        _refuse_newer(connection)
        raise SchemaMismatchError(
            f"The database's schema is {current or 'empty'}, this version needs {_head()}: run `streetveil db upgrade`."
        )
    # Changes nothing, but a server that is read-only refuses it all the same.
    connection.execute(text("UPDATE alembic_version SET version_num = version_num WHERE 1 = 0"))


def _refuse_newer(connection: Connection) -> None:
    current = MigrationContext.configure(connection).get_current_revision()
    try:
        if current is not None:
            ScriptDirectory.from_config(_config()).get_revision(current)
    except CommandError:
        raise SchemaMismatchError(
            f"The database's schema {current} is newer than this version of the program: install a newer version."
        ) from None


@cache
def _head() -> str | None:
    """The newest revision. Cached, for readiness asks often."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _run(connection: Connection, act: Callable[..., Any], revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    act(config, revision)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
