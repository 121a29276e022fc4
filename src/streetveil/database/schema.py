"""Which schema a database has, and how it gets this version's. Alembic's scripts are in `migrations/`.

Alembic is imported only where there is something to change: it takes as long as all else that opens a database.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from streetveil.errors import ConfigurationError, DatabaseUnavailableError, SchemaMismatchError

if TYPE_CHECKING:
    from alembic.config import Config

_WAIT_FOR_OTHERS_S = 600
_MIGRATIONS = Path(__file__).parent / "migrations"
_STEPS = (_MIGRATIONS / "versions",)


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
    if _current(connection) == head():
        return
    from alembic import command  # noqa: PLC0415

    _refuse_newer(connection)
    command.upgrade(_config(connection), "head")


def downgrade(connection: Connection, revision: str) -> None:
    """Undoes the migrations after `revision`; `base` undoes all.

    Raises:
        SchemaMismatchError: the schema is newer than this version of the program.
        ConfigurationError: there is no such revision.
    """
    from alembic import command  # noqa: PLC0415

    _refuse_newer(connection)
    known = ["base", *_revisions()]
    if revision not in known:
        raise ConfigurationError(
            f"The schema cannot be taken back to {revision[:40]!r}; there are: {', '.join(known)}."
        )
    command.downgrade(_config(connection), revision)


def check(connection: Connection) -> None:
    """Returns where the schema is this version's and the database can be written to.

    Raises:
        SchemaMismatchError: it is older, newer or missing.
    """
    current = _current(connection)
    if current != head():
        _refuse_newer(connection)
        raise SchemaMismatchError(
            f"The database's schema is {current or 'empty'}, this version needs {head()}: run `streetveil db upgrade`."
        )
    # Changes nothing, but a server that is read-only refuses it all the same.
    connection.execute(text("UPDATE alembic_version SET version_num = version_num WHERE 1 = 0"))


def head() -> str:
    """The newest revision, by the names of the scripts: `rev_0001_jobs.py` holds revision 0001, and they count up."""
    return _revisions()[-1]


def _revisions() -> list[str]:
    return sorted(path.stem.split("_")[1] for folder in _STEPS for path in folder.glob("rev_*.py"))


def _current(connection: Connection) -> str | None:
    """What Alembic has noted in the database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    current: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return current


def _refuse_newer(connection: Connection) -> None:
    current = _current(connection)
    if current is not None and current not in _revisions():
        raise SchemaMismatchError(
            f"The database's schema {current} is newer than this version of the program: install a newer version."
        )


def _config(connection: Connection) -> Config:
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("version_locations", os.pathsep.join(str(folder).replace("%", "%%") for folder in _STEPS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
