"""The only place that commits."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from streetveil.database import schema
from streetveil.database.audit import SqlAuditRepository
from streetveil.database.base import T, UnitOfWork
from streetveil.database.engine import WRITING, forget_in_log, patient_engine
from streetveil.database.failures import can_be_repeated, translate
from streetveil.database.housekeeping import SqlTurnRepository, SqlWorkerRepository
from streetveil.database.repositories import SqlBatchRepository, SqlJobRepository
from streetveil.database.webhooks import SqlWebhookRepository
from streetveil.errors import StreetveilError

_log = structlog.get_logger(__name__)

_TRIES = 5
_FIRST_DELAY_S = 0.05
# A server that does not answer is not asked again: who waits here may be a request.
_PATIENCE_S = 3.0


class SqlUnitOfWork:
    """One transaction of one connection."""

    def __init__(self, connection: Connection) -> None:
        self.jobs = SqlJobRepository(connection)
        self.batches = SqlBatchRepository(connection)
        self.workers = SqlWorkerRepository(connection)
        self.turns = SqlTurnRepository(connection)
        self.webhooks = SqlWebhookRepository(connection)
        self.audit = SqlAuditRepository(connection)
        self._actions: list[Callable[[], None]] = []

    def after_commit(self, action: Callable[[], None]) -> None:
        self._actions.append(action)

    def committed(self) -> None:
        """Runs what was put off until now."""
        for action in self._actions:
            try:
                action()
            except StreetveilError as error:
                _log.warning("after_commit_failed", code=error.code, detail=error.detail)
            except Exception:  # noqa: BLE001 - what was committed stands, the other actions too
                _log.exception("after_commit_failed")


class SqlDatabase:
    """A `Database` over a SQLAlchemy engine, which it closes in the end."""

    def __init__(self, engine: Engine, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._engine = engine
        self._writing = engine.execution_options(**{WRITING: True})
        self._sleep = sleep

    def transact(self, work: Callable[[UnitOfWork], T]) -> T:
        started = time.monotonic()
        tries = 0
        while True:
            tries += 1
            committing = False
            try:
                with self._writing.connect() as connection:
                    unit = SqlUnitOfWork(connection)
                    result = work(unit)
                    committing = True
                    connection.commit()
            except (DBAPIError, PoolTimeoutError) as error:
                again = can_be_repeated(error, committing=committing) and tries < _TRIES
                if not again or time.monotonic() - started > _PATIENCE_S:
                    self._raise(error, committing=committing)
                _log.info("transaction_repeated", tries=tries, cause=_cause(error))
                # Jitter: those that were in each other's way must not meet again.
                self._sleep(_FIRST_DELAY_S * 2 ** (tries - 1) * random.uniform(0.5, 1.5))  # noqa: S311
            else:
                unit.committed()
                return result

    @contextmanager
    def snapshot(self) -> Iterator[SqlUnitOfWork]:
        try:
            with self._engine.connect() as connection:
                yield SqlUnitOfWork(connection)
        except (DBAPIError, PoolTimeoutError) as error:
            self._raise(error)

    def upgrade(self) -> None:
        """Brings the schema to this version's; of several processes that try at once one does it.

        Raises:
            DatabaseUnavailableError: the database cannot be reached now.
            ConfigurationError: it will never be: the password is wrong, say.
            SchemaMismatchError: its schema is newer.
        """
        self._migrate(schema.upgrade)

    def downgrade(self, revision: str) -> None:
        """Takes the schema back to `revision` (`base`: to nothing), with the loss of what that one cannot hold.

        Raises:
            ConfigurationError: there is no such revision.
            SchemaMismatchError, DatabaseUnavailableError: as for `upgrade`.
        """
        self._migrate(lambda connection: schema.downgrade(connection, revision))

    def forget_erased(self) -> bool:
        return forget_in_log(self._engine)

    def check(self) -> None:
        try:
            # On SQLite a transaction that may write: a file that is read-only refuses it.
            with self._writing.begin() as connection:
                schema.check(connection)
        except (DBAPIError, PoolTimeoutError) as error:
            self._raise(error, starting=True)

    def close(self) -> None:
        self._engine.dispose()

    def _migrate(self, act: Callable[[Connection], None]) -> None:
        engine = patient_engine(self._engine)
        try:
            with engine.execution_options(**{WRITING: True}).begin() as connection, schema.locked(connection):
                act(connection)
        except (DBAPIError, PoolTimeoutError) as error:
            self._raise(error, starting=True)
        finally:
            if engine is not self._engine:
                engine.dispose()

    def _raise(self, error: Exception, *, starting: bool = False, committing: bool = False) -> NoReturn:
        """Raises our error for it; the cause is logged, for it may hold addresses."""
        translated = translate(error, self._engine, starting=starting, committing=committing)
        if translated is error:
            raise error
        _log.warning("database_failed", cause=_cause(error))
        raise translated from error


def _cause(error: Exception) -> str:
    return str(getattr(error, "orig", error)).partition("\n")[0]
