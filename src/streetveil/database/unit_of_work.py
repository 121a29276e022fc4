"""The only place that commits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session

from streetveil.database import schema
from streetveil.database.engine import WRITING
from streetveil.database.repositories import SqlBatchRepository, SqlJobRepository
from streetveil.errors import DatabaseUnavailableError

_log = structlog.get_logger(__name__)

# These are defects of a statement of ours, not of the database.
_OURS = (IntegrityError, DataError, ProgrammingError)


class SqlUnitOfWork:
    """One transaction of one session."""

    def __init__(self, session: Session) -> None:
        self.jobs = SqlJobRepository(session)
        self.batches = SqlBatchRepository(session)
        self._actions: list[Callable[[], None]] = []

    def after_commit(self, action: Callable[[], None]) -> None:
        self._actions.append(action)

    def committed(self) -> None:
        """Runs what was put off until now."""
        for action in self._actions:
            try:
                action()
            except Exception:  # noqa: BLE001 - what was committed stands, the other actions too
                _log.exception("after_commit_failed")


class SqlDatabase:
    """A `Database` over a SQLAlchemy engine, which it closes in the end."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(**{WRITING: True})

    @contextmanager
    def transaction(self) -> Iterator[SqlUnitOfWork]:
        with _reported(), Session(self._writing, expire_on_commit=False) as session, session.begin():
            unit = SqlUnitOfWork(session)
            yield unit
        unit.committed()

    @contextmanager
    def snapshot(self) -> Iterator[SqlUnitOfWork]:
        with _reported(), Session(self._engine, expire_on_commit=False) as session:
            yield SqlUnitOfWork(session)

    def upgrade(self) -> None:
        """Brings the schema to this version's.

        Raises:
            DatabaseUnavailableError: the database cannot be reached or refuses us.
            SchemaMismatchError: its schema is newer.
        """
        with _reported(), self._writing.begin() as connection:
            schema.upgrade(connection)

    def check(self) -> None:
        # A transaction that may write: a database that is read-only refuses it.
        with _reported(), self._writing.begin() as connection:
            schema.check(connection)

    def close(self) -> None:
        self._engine.dispose()


@contextmanager
def _reported() -> Iterator[None]:
    """Turns what the driver raises into our errors; the cause is logged, for it may hold addresses."""
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseUnavailableError("All connections to the database are in use.") from error
    except DBAPIError as error:
        if isinstance(error, _OURS):
            raise
        _log.warning("database_failed", cause=str(error.orig).partition("\n")[0])
        raise DatabaseUnavailableError("The database cannot be used at the moment.") from error
