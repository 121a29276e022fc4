"""A database that tells how long each transaction took."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from streetveil.database.base import Database, T, UnitOfWork
from streetveil.observability.timing import Tell, timed


class MeasuredDatabase:
    """A `Database` around another."""

    def __init__(self, database: Database, tell: Tell) -> None:
        self._database = database
        self._tell = tell

    def transact(self, work: Callable[[UnitOfWork], T]) -> T:
        with timed(self._tell, "transact"):
            return self._database.transact(work)

    @contextmanager
    def snapshot(self) -> Iterator[UnitOfWork]:
        with timed(self._tell, "read"), self._database.snapshot() as unit:
            yield unit

    def forget_erased(self) -> bool:
        return self._database.forget_erased()

    def check(self) -> None:
        with timed(self._tell, "check"):
            self._database.check()

    def close(self) -> None:
        self._database.close()
