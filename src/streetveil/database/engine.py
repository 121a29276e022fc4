"""Engines for database URLs, and what SQLite must be told to be durable and fair among threads; see also mysql.py."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from streetveil.database.mysql import BACKENDS, open_mysql
from streetveil.errors import ConfigurationError, DatabaseUnavailableError

WRITING = "streetveil_writing"
"""Execution option of connections that will write."""


def sqlite_url(path: Path) -> str:
    """The database URL of the SQLite file `path`."""
    return f"sqlite:///{path.absolute()}"


def open_engine(
    url: str,
    *,
    pool_size: int = 8,
    pool_overflow: int = 16,
    pool_timeout_s: float = 10.0,
    timeout_s: float = 10.0,
    busy_timeout_s: float = 30.0,
) -> Engine:
    """The engine of a database URL; connects to nothing yet.

    Args:
        url: `sqlite:////path/file.db`, or `mysql+pymysql://user:password@host:3306/name` for MySQL 8 and MariaDB.
        pool_size: connections that are kept open. Of MySQL and MariaDB alone, like the three that follow.
        pool_overflow: connections that are opened beyond these while there is need.
        pool_timeout_s: how long a thread waits for a connection when all are in use.
        timeout_s: how long the server may take to answer one statement.
        busy_timeout_s: how long a writer waits for the one before it. Of SQLite alone.

    Raises:
        ConfigurationError: the URL cannot be read, or names a database that is not supported.
        DatabaseUnavailableError: the folder of a SQLite file cannot be made.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The URL may hold a password: it is not repeated.
        raise ConfigurationError(
            "The database URL cannot be read; it looks like mysql+pymysql://user:password@host:3306/name, "
            "with special characters of the password percent-encoded, or sqlite:////path/file.db."
        ) from None
    if parsed.get_backend_name() in BACKENDS:
        return open_mysql(
            parsed,
            pool_size=pool_size,
            pool_overflow=pool_overflow,
            pool_timeout_s=pool_timeout_s,
            timeout_s=timeout_s,
        )
    if parsed.get_backend_name() != "sqlite":
        raise ConfigurationError(
            f"{parsed.get_backend_name()[:40]} is not a supported database; mysql, mariadb and sqlite are."
        )
    return _open_sqlite(parsed, busy_timeout_s)


def patient_engine(engine: Engine) -> Engine:
    """The same database for statements that may take an hour, as those of a migration on many rows do."""
    if engine.url.get_backend_name() == "sqlite":
        return engine
    return open_engine(engine.url.render_as_string(hide_password=False), pool_size=1, timeout_s=3600.0)


def forget_in_log(engine: Engine) -> bool:
    """Empties SQLite's write-ahead log, in which rows stand as they were before they were erased.

    False where it cannot be done now: a transaction of others lasted longer than a second, say. It is overwritten
    with time all the same.
    """
    if engine.dialect.name != "sqlite":
        return True
    try:
        connection = engine.raw_connection()
    except PoolTimeoutError:
        return False
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 1000")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        row = cursor.fetchone()  # whether others were in the way, and two numbers of pages
        return row is not None and row[0] == 0
    except sqlite3.Error:
        return False
    finally:
        connection.invalidate()  # it is closed: its patience is not that of the others


def _open_sqlite(url: URL, busy_timeout_s: float) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ConfigurationError("The SQLite database must be a file: sqlite:////path/file.db.")
    _make_private(Path(url.database))
    engine = create_engine(
        url,
        connect_args={"timeout": busy_timeout_s},
        pool_size=8,
        max_overflow=56,  # FastAPI's 40 threads and the workers'
        pool_use_lifo=True,  # what the connection that was used last has read, it need not read again
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
