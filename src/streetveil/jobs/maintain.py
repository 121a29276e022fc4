"""Puts right what was left by whoever stopped in the middle: lost jobs, unfinished erasures, orphaned objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from streetveil.database.base import Database, UnitOfWork
from streetveil.domain.audit import SERVICE, AuditAction, AuditSeal
from streetveil.domain.job import Clock, Job, JobFailure, JobStatus, utc_now
from streetveil.errors import UnavailableError, WorkerLostError
from streetveil.jobs.audit import Sealer
from streetveil.jobs.erase import Erase
from streetveil.jobs.observer import JobObserver, Unobserved
from streetveil.jobs.orphans import remove_orphans
from streetveil.jobs.process import AttemptPolicy
from streetveil.jobs.retention import Expire, RetentionPolicy
from streetveil.queue.base import JobQueue
from streetveil.storage.base import ObjectStore

_log = structlog.get_logger(__name__)

_AT_A_TIME = 500
_TURN = timedelta(seconds=20)  # a lost job waits so long where who looked for it was lost, too
_SEALED_EVERY = timedelta(seconds=5)
_WORKERS_KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was put right.

    Attributes:
        requeued: jobs whose id was queued again.
        failed: jobs given up because their workers were lost too often.
        erased: erasures finished.
        expired: jobs of which the original, the crops or all was removed, its time of retention over.
        orphans: objects removed to which no job belongs.
    """

    requeued: int = 0
    failed: int = 0
    erased: int = 0
    expired: int = 0
    orphans: int = 0

    def __add__(self, other: Recovery) -> Recovery:
        return Recovery(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


class Maintain:
    """Finds what got lost. Every part is safe to run at any time, by several at once."""

    def __init__(
        self,
        *,
        database: Database,
        storage: ObjectStore,
        queue: JobQueue,
        attempts: AttemptPolicy | None = None,
        retention: RetentionPolicy | None = None,
        seal: AuditSeal | None = None,
        interval: timedelta = timedelta(seconds=30),
        orphan_interval: timedelta = timedelta(hours=1),
        grace: timedelta = timedelta(seconds=15),
        forgotten: timedelta = timedelta(hours=1),
        orphan_age: timedelta = timedelta(hours=1),
        observer: JobObserver | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Takes the adapters, and when what is due.

        Args:
            database: the truth about jobs.
            storage: where their objects are.
            queue: where their ids should be.
            attempts: those of the workers.
            retention: how long photos are kept.
            seal: of the audit log.
            interval: time between two looks for lost jobs and for what has expired.
            orphan_interval: time between two looks for orphans.
            grace: how long a job must be overdue before its id can count as lost at all.
            forgotten: how long a job must be overdue before its id counts as lost whatever the queue says.
            orphan_age: how old an object without a row must be; an upload stores it before its row.
            observer: is told of jobs that are given up or tried again.
            clock: tells the time.
        """
        self._database = database
        self._storage = storage
        self._queue = queue
        self._attempts = attempts or AttemptPolicy()
        self._interval = interval
        self._orphan_interval = orphan_interval
        self._grace = grace
        self._forgotten = forgotten
        self._orphan_age = orphan_age
        self._observer = observer or Unobserved()
        self._erase = Erase(database=database, storage=storage, clock=clock)
        self._expire = Expire(database=database, storage=storage, retention=retention or RetentionPolicy(), clock=clock)
        self._sealer = Sealer(database=database, seal=seal or AuditSeal())
        self._clock = clock

    def run_if_due(self, holder: str) -> Recovery:
        """Does what is due and what no other process is at; to be called by every worker, every few seconds.

        `holder` is unique per process. Where a process dies in the middle another takes its turn 20 seconds later.

        Raises:
            UnavailableError: database, queue or storage cannot be used; what was done until then stands.
        """

        def rescue() -> Recovery:
            return self._in_turn("rescue", holder, self._interval, lambda keep: self.rescue(between=keep))

        def beside(keep: Callable[[], None]) -> Callable[[], None]:
            def between() -> None:
                keep()
                rescue()  # what takes hours must not hold up the lost jobs

            return between

        def expire(keep: Callable[[], None]) -> Recovery:
            return Recovery(expired=self._expire(beside(keep)))

        def tidy(keep: Callable[[], None]) -> Recovery:
            return Recovery(orphans=self.remove_orphans(self._clock() - self._orphan_age, between=beside(keep)))

        return (
            rescue()
            + self._in_turn("retention", holder, self._interval, expire)
            + self._in_turn("orphans", holder, self._orphan_interval, tidy)
        )

    def seal_if_due(self, holder: str) -> None:
        """Seals the audit log's events, as `run_if_due` does its part; apart from that, which may take hours.

        Raises:
            DatabaseUnavailableError: what was done until then stands.
        """

        def seal(keep: Callable[[], None]) -> Recovery:
            self._sealer(keep)
            return Recovery()

        if self._sealer.is_due():
            self._in_turn("audit", holder, _SEALED_EVERY, seal)

    def recover(self, *, alone: bool = False) -> Recovery:
        """Does everything now, orphans included, for which all objects are listed.

        With `alone` nobody else can be at work, as when the embedded service starts and before it takes
        uploads or jobs: then nothing need be overdue or old to count as lost.

        Raises:
            UnavailableError: as for `run_if_due`.
        """
        rescued = self.rescue(alone=alone)
        expired = self._expire(lambda: None)
        orphans = self.remove_orphans(self._clock() - (timedelta() if alone else self._orphan_age))
        self._sealer()
        return rescued + Recovery(expired=expired, orphans=orphans)

    def rescue(self, *, alone: bool = False, between: Callable[[], None] = lambda: None) -> Recovery:
        """The cheap part: frees lost workers' jobs, queues lost ids again, finishes erasures."""
        now = self._clock()
        requeued = self._requeue_all(now) if alone else 0
        released, failed = self._release_processing(None if alone else now, now, between)
        if not alone:
            requeued = self._requeue_lost(now, between)
        erased = self._finish_erasures()
        self._database.transact(lambda transaction: transaction.workers.prune(now - _WORKERS_KEPT))
        recovery = Recovery(requeued=released + requeued, failed=failed, erased=erased)
        if recovery != Recovery():
            _log.info("rescued", requeued=recovery.requeued, failed=failed, erased=erased)
        return recovery

    def remove_orphans(self, older_than: datetime, *, between: Callable[[], None] = lambda: None) -> int:
        """Removes objects older than that moment to which no job belongs; how many."""
        return remove_orphans(self._database, self._storage, older_than, between=between)

    def _in_turn(
        self, name: str, holder: str, every: timedelta, act: Callable[[Callable[[], None]], Recovery]
    ) -> Recovery:
        """Does it where it is due and no other process does; nobody does it again before `every` has passed."""
        began = self._clock()

        def until(moment: datetime) -> None:
            self._database.transact(lambda transaction: transaction.turns.keep(name, holder=holder, until=moment))

        if not self._database.transact(
            lambda transaction: transaction.turns.take(name, holder=holder, now=began, until=began + _TURN)
        ):
            return Recovery()
        try:
            return act(lambda: until(self._clock() + _TURN))
        finally:
            # Where even this fails the turn ends by itself.
            with suppress(UnavailableError):
                until(began + every)

    def _requeue_all(self, now: datetime) -> int:
        count = 0
        for jobs in self._pages(JobStatus.SUBMITTED, None):
            for job in jobs:
                self._queue.put(job.id, delay_s=_seconds_until(job.due_at, now))
            count += len(jobs)
        return count

    def _requeue_lost(self, now: datetime, between: Callable[[], None]) -> int:
        """Queues ids again that the queue seems to have lost.

        Every submitted job should have its id in the queue. Where fewer ids wait there than jobs, as many are
        missing, and of a queue that gives first what came first the oldest jobs' most likely; a wrong guess costs
        one message that a worker drops. So a backlog, however long, is not queued twice, and a queue that was
        wiped is filled at once. Ids that should not be there (of erased jobs, say) hide as many that are missing:
        until they are consumed, or the jobs count as forgotten.
        """
        depth = self._queue.depth()
        with self._database.snapshot() as snapshot:
            missing = max(0, snapshot.jobs.waiting() - depth)
        count = self._requeue_overdue(now - self._grace, missing, between)
        return count + self._requeue_overdue(now - self._forgotten, None, between)

    def _requeue_overdue(self, before: datetime, most: int | None, between: Callable[[], None]) -> int:
        count = 0
        while most is None or count < most:
            limit = _AT_A_TIME if most is None else min(_AT_A_TIME, most - count)
            with self._database.snapshot() as snapshot:
                jobs = snapshot.jobs.overdue(JobStatus.SUBMITTED, before=before, after=None, limit=limit)
            if not jobs:
                break
            put: list[str] = []
            try:
                for job in jobs:
                    self._queue.put(job.id)
                    put.append(job.id)
            finally:
                self._remind(put)
            count += len(put)
            between()
        return count

    def _remind(self, job_ids: list[str]) -> None:
        """Makes them no longer overdue, so that they are not queued again at once."""
        now = self._clock()
        if job_ids:
            self._database.transact(lambda transaction: transaction.jobs.remind(job_ids, now=now))

    def _release_processing(
        self, before: datetime | None, now: datetime, between: Callable[[], None]
    ) -> tuple[int, int]:
        """Gives back jobs whose worker is gone; (requeued, failed)."""
        requeued = failed = 0
        for jobs in self._pages(JobStatus.PROCESSING, before):
            for job in jobs:
                if self._attempts.is_last(job, _lost(job)):
                    gone = self._database.transact(partial(_give_up, job=job, now=now, before=before))
                    failed += gone
                    if gone:
                        self._observer.ended(JobStatus.FAILED, WorkerLostError.code)
                        told = {"job_id": job.id, "tenant": job.tenant, "request_id": job.request_id}
                        _log.info("job_failed", **told, code=WorkerLostError.code, attempt=job.attempts)
                else:
                    free = self._database.transact(partial(self._release, job=job, now=now, before=before))
                    requeued += free
                    if free:
                        self._observer.retried(WorkerLostError.code)
            between()
        return requeued, failed

    def _release(self, transaction: UnitOfWork, *, job: Job, now: datetime, before: datetime | None) -> bool:
        failure = self._attempts.to_remember(job, _lost(job))
        released = transaction.jobs.postpone(job, failure, now=now, due_at=now, if_due_before=before)
        if released:
            transaction.after_commit(partial(self._queue.put, job.id))
        return released

    def _pages(self, status: JobStatus, before: datetime | None) -> Iterator[list[Job]]:
        last: Job | None = None
        while True:
            with self._database.snapshot() as snapshot:
                jobs = snapshot.jobs.overdue(status, before=before, after=last, limit=_AT_A_TIME)
            if not jobs:
                return
            yield jobs
            last = jobs[-1]

    def _finish_erasures(self) -> int:
        count = 0
        while True:
            with self._database.snapshot() as snapshot:
                jobs = snapshot.jobs.unpurged(_AT_A_TIME)
            if not jobs:
                return count
            self._erase.purge(*jobs)
            count += len(jobs)


def _give_up(transaction: UnitOfWork, *, job: Job, now: datetime, before: datetime | None) -> bool:
    given_up = transaction.jobs.fail(job, _lost(job), now=now, if_due_before=before)
    if given_up:
        event = SERVICE.did(AuditAction.FAIL, at=now, job_id=job.id, tenant=job.tenant, outcome=WorkerLostError.code)
        transaction.audit.add(event)
    return given_up


def _lost(job: Job) -> JobFailure:
    detail = f"The worker stopped while it worked on this photo (attempt {job.attempts})."
    return JobFailure(WorkerLostError.code, detail)


def _seconds_until(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (moment - now).total_seconds()) if moment else 0.0
