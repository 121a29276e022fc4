"""Photos are kept no longer than the operator wants: first the originals go, later the whole job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from streetveil.database.base import Database, UnitOfWork
from streetveil.domain.audit import SERVICE, AuditAction
from streetveil.domain.job import Clock, Job, utc_now
from streetveil.jobs.erase import Erase
from streetveil.storage.base import ObjectStore

_log = structlog.get_logger(__name__)

_AT_A_TIME = 200


@dataclass(frozen=True, slots=True)
class Retention:
    """How long after a job completed or failed its photos are kept; None means for ever.

    Attributes:
        original: the upload. Without it a failed job cannot be retried.
        result: everything; what remains is what `Erase` leaves.
    """

    original: timedelta | None = None
    result: timedelta | None = None


class Expire:
    """Removes what is older than the retention says. Safe to run at any time, by several at once."""

    def __init__(
        self, *, database: Database, storage: ObjectStore, retention: Retention, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._storage = storage
        self._retention = retention
        self._erase = Erase(database=database, storage=storage, clock=clock)
        self._clock = clock

    def __call__(self, between: Callable[[], None]) -> int:
        """Removes it all and says how many jobs that concerned; calls `between` after every few hundred.

        Raises:
            UnavailableError: database or storage cannot be used; what was done until then stands.
        """
        count = 0
        if self._retention.result is not None:
            count += self._in_steps(self._retention.result, self._erase_some, between, with_original=False)
        if self._retention.original is not None:
            count += self._in_steps(self._retention.original, self._remove_originals, between, with_original=True)
        if count:
            _log.info("expired", count=count)
        return count

    def _in_steps(
        self, age: timedelta, act: Callable[[list[Job]], int], between: Callable[[], None], *, with_original: bool
    ) -> int:
        before = self._clock() - age
        count = 0
        while True:
            with self._database.snapshot() as snapshot:
                jobs = snapshot.jobs.finished(before, with_original=with_original, limit=_AT_A_TIME)
            if not jobs:
                return count
            count += act(jobs)
            between()

    def _erase_some(self, jobs: list[Job]) -> int:
        now = self._clock()

        def erase(transaction: UnitOfWork) -> list[Job]:
            erased = [job for job in jobs if transaction.jobs.erase(job.id, now=now)]
            self._tell(transaction, erased, now, what="all")
            return erased

        # Should this end in between, `Maintain.rescue` finishes the erasures.
        erased = self._database.transact(erase)
        self._erase.purge(*erased)
        return len(erased)

    def _remove_originals(self, jobs: list[Job]) -> int:
        now = self._clock()

        def note(transaction: UnitOfWork) -> list[Job]:
            noted = [job for job in jobs if transaction.jobs.expire_original(job.id, now=now)]
            self._tell(transaction, noted, now, what="original")
            return noted

        # First the rows: a job that a person retries meanwhile keeps its original. Should this end in between,
        # the objects are orphans, for their rows no longer name them.
        noted = self._database.transact(note)
        self._storage.delete([job.original_key for job in noted])
        return len(noted)

    @staticmethod
    def _tell(transaction: UnitOfWork, jobs: list[Job], now: datetime, *, what: str) -> None:
        for job in jobs:
            event = SERVICE.did(AuditAction.EXPIRE, at=now, job_id=job.id, tenant=job.tenant, what=what)
            transaction.audit.add(event)
