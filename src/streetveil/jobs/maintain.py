"""Puts right what was left by whoever stopped in the middle: lost jobs, unfinished erasures, orphaned objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import TypeVar

import structlog

from streetveil.database.base import Database, Holding
from streetveil.domain.job import Clock, Job, JobFailure, JobStatus, utc_now
from streetveil.errors import WorkerLostError
from streetveil.jobs.erase import Erase
from streetveil.jobs.process import AttemptPolicy
from streetveil.queue.base import JobQueue
from streetveil.storage.base import ObjectStore
from streetveil.storage.keys import KINDS, ObjectName, parse_key

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")

_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was put right.

    Attributes:
        requeued: jobs whose id was queued again.
        failed: jobs given up because their workers were lost too often.
        erased: erasures finished.
        orphans: objects removed to which no job belongs.
    """

    requeued: int = 0
    failed: int = 0
    erased: int = 0
    orphans: int = 0


class Maintain:
    """Finds what got lost. Safe to run at any time, by several at once."""

    def __init__(
        self,
        *,
        database: Database,
        storage: ObjectStore,
        queue: JobQueue,
        attempts: AttemptPolicy | None = None,
        grace: timedelta = timedelta(minutes=10),
        orphan_age: timedelta = timedelta(hours=1),
        clock: Clock = utc_now,
    ) -> None:
        """`grace`: how long a submitted job may be overdue before its id is thought lost;
        `orphan_age`: how old an object without a row must be; an upload stores it before its row.
        """
        self._database = database
        self._storage = storage
        self._queue = queue
        self._attempts = attempts or AttemptPolicy()
        self._grace = grace
        self._orphan_age = orphan_age
        self._erase = Erase(database=database, storage=storage, clock=clock)
        self._clock = clock

    def recover(self, *, alone: bool = False) -> Recovery:
        """Requeues lost jobs, finishes erasures, removes orphans.

        With `alone` nobody else can be at work, as when the embedded service starts and before it takes
        uploads or jobs: then nothing need be overdue or old to count as lost.

        Raises:
            UnavailableError: database, queue or storage cannot be used; what was done until then stands.
        """
        rescued = self.rescue(alone=alone)
        orphans = self.remove_orphans(self._clock() - (timedelta() if alone else self._orphan_age))
        return replace(rescued, orphans=orphans)

    def rescue(self, *, alone: bool = False) -> Recovery:
        """The cheap part of `recover`, for every minute: all but the orphans, which takes listing every object."""
        now = self._clock()
        requeued = self._requeue_submitted(None if alone else now - self._grace, now)
        released, failed = self._release_processing(None if alone else now, now)
        erased = self._finish_erasures()
        recovery = Recovery(requeued=requeued + released, failed=failed, erased=erased)
        if recovery != Recovery():
            _log.info("rescued", requeued=recovery.requeued, failed=failed, erased=erased)
        return recovery

    def remove_orphans(self, older_than: datetime) -> int:
        """Removes objects older than that moment to which no job belongs; how many."""
        count = self._storage.discard_unfinished(older_than)
        for kind in KINDS:
            old = (item.key for item in self._storage.list(kind) if item.modified <= older_than)
            named = ((key, name) for key in old if (name := parse_key(key)) is not None)
            for chunk in _chunks(named, _AT_A_TIME):
                with self._database.snapshot() as snapshot:
                    holdings = snapshot.jobs.holdings({name.job_id for _, name in chunk})
                orphans = [key for key, name in chunk if _is_orphan(key, name, holdings.get(name.job_id))]
                self._storage.delete(orphans)
                count += len(orphans)
        if count:
            _log.info("orphans_removed", count=count)
        return count

    def _requeue_submitted(self, before: datetime | None, now: datetime) -> int:
        count = 0
        for jobs in self._pages(JobStatus.SUBMITTED, before):
            for job in jobs:
                self._queue.put(job.id, delay_s=_seconds_until(job.due_at, now))
            with self._database.transaction() as transaction:
                for job in jobs:
                    transaction.jobs.remind(job.id, now=now)
            count += len(jobs)
        return count

    def _release_processing(self, before: datetime | None, now: datetime) -> tuple[int, int]:
        """Gives back jobs whose worker is gone; (requeued, failed)."""
        requeued = failed = 0
        for jobs in self._pages(JobStatus.PROCESSING, before):
            for job in jobs:
                failure = _lost(job)
                with self._database.transaction() as transaction:
                    if job.attempts >= self._attempts.most:
                        failed += transaction.jobs.fail(job, failure, now=now)
                    elif transaction.jobs.postpone(job, failure, now=now, due_at=now):
                        transaction.after_commit(partial(self._queue.put, job.id))
                        requeued += 1
        return requeued, failed

    def _pages(self, status: JobStatus, before: datetime | None) -> Iterator[list[Job]]:
        after: str | None = None
        while True:
            with self._database.snapshot() as snapshot:
                jobs = snapshot.jobs.overdue(status, before=before, after=after, limit=_AT_A_TIME)
            if not jobs:
                return
            yield jobs
            after = jobs[-1].id

    def _finish_erasures(self) -> int:
        count = 0
        while True:
            with self._database.snapshot() as snapshot:
                jobs = snapshot.jobs.unpurged(_AT_A_TIME)
            if not jobs:
                return count
            for job in jobs:
                self._erase.purge(job)
            count += len(jobs)


def _is_orphan(key: str, name: ObjectName, holding: Holding | None) -> bool:
    """Whether no row needs the object now, nor ever will: numbers of claims only grow."""
    if holding is None or holding.status is JobStatus.ERASED:
        return True
    if key in holding.keys:
        return False
    return not (holding.status is JobStatus.PROCESSING and name.claim >= holding.claims)


def _lost(job: Job) -> JobFailure:
    detail = f"The worker stopped while it worked on this photo (attempt {job.attempts})."
    return JobFailure(WorkerLostError.code, detail)


def _seconds_until(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (moment - now).total_seconds()) if moment else 0.0


def _chunks(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
