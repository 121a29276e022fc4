"""Engines for database URLs, and what SQLite must be told to be durable and fair among threads."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from streetveil.errors import ConfigurationError, DatabaseUnavailableError

WRITING = "streetveil_writing"
"""Execution option of connections that will write."""


def sqlite_url(path: Path) -> str:
    """The database URL of the SQLite file `path`."""
    return f"sqlite:///{path.absolute()}"


def open_engine(url: str, *, busy_timeout_s: float = 30.0) -> Engine:
    """The engine of a database URL; connects to nothing yet.

    `busy_timeout_s`: how long a writer waits for the one before it.

    Raises:
        ConfigurationError: the URL cannot be read, or names a database that is not supported.
        DatabaseUnavailableError: the folder of a SQLite file cannot be made.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The URL may hold a password: it is not repeated.
        raise ConfigurationError("The database URL cannot be read; it looks like sqlite:////path/file.db.") from None
    if parsed.get_backend_name() != "sqlite":
        raise ConfigurationError(f"{parsed.get_backend_name()} is not a supported database; sqlite is.")
    if not parsed.database or parsed.database == ":memory:":
        raise ConfigurationError("The SQLite database must be a file: sqlite:////path/file.db.")
    _make_private(Path(parsed.database))
    engine = create_engine(
        parsed,
        connect_args={"timeout": busy_timeout_s},
        pool_size=8,
        max_overflow=56,  # FastAPI's 40 threads and the workers'
        hide_parameters=True,  # names of files are in them, and errors are logged
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _make_private(path: Path) -> None:
    """Lets only the owner read what the database will hold; SQLite gives its side files the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise DatabaseUnavailableError(f"The database file {path} cannot be made: {error.strerror}.") from error


def _on_connect(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # Left alone, sqlite3 begins transactions when it thinks fit; `_on_begin` does it instead.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",  # readers and the writer do not wait for each other
        "synchronous = FULL",  # a commit is on the disk when it returns: a 202 survives a loss of power
        "foreign_keys = ON",
        "secure_delete = ON",  # what was erased does not stay in free pages of the file
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _on_begin(connection: Connection) -> None:
    """Takes the writers' lock at once: a reader that turns writer later may find it cannot, without a wait."""
    options: dict[str, Any] = dict(connection.get_execution_options())
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(WRITING) else "BEGIN DEFERRED")
