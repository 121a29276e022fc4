"""What keeps a worker's jobs its own: a short lease, extended for as long as the process lives and works on them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from streetveil.database.base import Database, UnitOfWork, WorkerRow
from streetveil.domain.job import Clock

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A process that works on jobs.

    Attributes:
        id: unique per start of a process: one that was started again must not keep its predecessor's jobs.
    """

    id: str
    host: str = ""
    version: str = ""
    threads: int = 1


class Leases:
    """The jobs that a process is at work on.

    Only these are extended, not all that the database has under the worker's name: a claim whose answer was lost
    stands there too, and nobody works on it.
    """

    def __init__(
        self, *, database: Database, worker: WorkerProcess, lease: timedelta, longest: timedelta, clock: Clock
    ) -> None:
        """`longest`: after which a thread counts as stuck and its job as lost, although the process lives."""
        self._database = database
        self._worker = worker
        self._lease = lease
        self._longest = longest
        self._clock = clock
        self._started_at = clock()
        self._lock = threading.Lock()
        self._held: set[tuple[str, datetime, object]] = set()

    @contextmanager
    def held(self, job_id: str) -> Iterator[None]:
        """For as long as a thread works on the job."""
        holding = (job_id, self._clock(), object())
        with self._lock:
            self._held.add(holding)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(holding)

    def beat(self) -> None:
        """Tells the database that this process lives, and extends its leases; to be called three times per lease.

        Raises:
            DatabaseUnavailableError: it could not be told.
        """
        now = self._clock()
        with self._lock:
            busy = len(self._held)
            extended = {job_id for job_id, since, _ in self._held if now - since < self._longest}
        worker = self._worker
        row = WorkerRow(worker.id, worker.host, worker.version, self._started_at, now, worker.threads, busy)

        def tell(transaction: UnitOfWork) -> int:
            transaction.workers.seen(row)
            return transaction.jobs.extend_leases(extended, worker_id=worker.id, due_at=now + self._lease)

        kept = self._database.transact(tell)
        if kept < len(extended):
            # Usually they have just been finished.
            _log.debug("leases_not_extended", count=len(extended) - kept)

    def leave(self) -> None:
        """Tells that this process ends: what it did not finish is free for others at once.

        Raises:
            DatabaseUnavailableError: it could not be told; the leases run out by themselves.
        """
        now = self._clock()
        with self._lock:
            unfinished = {job_id for job_id, _, _ in self._held}

        def tell(transaction: UnitOfWork) -> None:
            transaction.workers.left(self._worker.id)
            transaction.jobs.extend_leases(unfinished, worker_id=self._worker.id, due_at=now)

        self._database.transact(tell)
