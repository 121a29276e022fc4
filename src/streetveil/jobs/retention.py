"""Photos are kept no longer than the operator wants: first originals and sealed crops go, later the whole job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from streetveil.database.base import Database, UnitOfWork, Whose
from streetveil.domain.audit import SERVICE, AuditAction
from streetveil.domain.job import Clock, Job, JobStatus, utc_now
from streetveil.jobs.erase import Erase
from streetveil.storage.base import ObjectStore
from streetveil.storage.keys import crops_key

_log = structlog.get_logger(__name__)

_AT_A_TIME = 200
_TIME_TO_SEE_TO_IT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long after a job ended its photos are kept; None means for ever.

    Attributes:
        original: the upload of a completed job; with no time at all it goes in the moment of success.
        failed: the upload of a job that failed or needs review, which without it cannot be retried. Where it is not
            said, as long as `original`, but no less than a week: a person has to see to it first.
        result: everything; what remains is what `Erase` leaves.
        crops: what was made unrecognisable, sealed; counted from the moment of success, and never for ever.
    """

    original: timedelta | None = None
    failed: timedelta | None = None
    result: timedelta | None = None
    crops: timedelta = timedelta(days=30)

    @property
    def original_of_failed(self) -> timedelta | None:
        """How long the upload of a job that failed or needs review is kept."""
        if self.failed is not None or self.original is None:
            return self.failed
        return max(self.original, _TIME_TO_SEE_TO_IT)


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """What holds for everyone, and for the tenants that have agreed on something else."""

    general: Retention = field(default_factory=Retention)
    tenants: Mapping[str, Retention] = field(default_factory=dict)

    def of(self, tenant: str) -> Retention:
        """What holds for a tenant."""
        return self.tenants.get(tenant, self.general)

    def drops_original(self, tenant: str) -> bool:
        """Whether the tenant's uploads go in the moment of success."""
        return self.of(tenant).original == timedelta()


@dataclass(frozen=True, slots=True)
class _Due:
    """Jobs that have been kept long enough: those in these states that ended so long ago."""

    age: timedelta
    statuses: tuple[JobStatus, ...]
    with_original: bool


_FAILED = (JobStatus.FAILED, JobStatus.NEEDS_REVIEW)


class Expire:
    """Removes what is older than the retention says. Safe to run at any time, by several at once."""

    def __init__(
        self, *, database: Database, storage: ObjectStore, retention: RetentionPolicy, clock: Clock = utc_now
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
        others = frozenset(self._retention.tenants)
        count = self._for(self._retention.general, Whose(except_for=others), between)
        for tenant, retention in self._retention.tenants.items():
            count += self._for(retention, Whose(tenant), between)
        count += self._remove_crops(between)
        if count:
            _log.info("expired", count=count)
        return count

    def _for(self, retention: Retention, whose: Whose, between: Callable[[], None]) -> int:
        count = 0
        if retention.result is not None:
            all_of_it = _Due(retention.result, (JobStatus.COMPLETED, *_FAILED), with_original=False)
            count += self._in_steps(all_of_it, whose, self._erase_some, between)
        if retention.original is not None:
            completed = _Due(retention.original, (JobStatus.COMPLETED,), with_original=True)
            count += self._in_steps(completed, whose, self._remove_originals, between)
        if retention.original_of_failed is not None:
            failed = _Due(retention.original_of_failed, _FAILED, with_original=True)
            count += self._in_steps(failed, whose, self._remove_originals, between)
        return count

    def _in_steps(self, due: _Due, whose: Whose, act: Callable[[list[Job]], int], between: Callable[[], None]) -> int:
        before = self._clock() - due.age
        count = 0
        while True:
            with self._database.snapshot() as snapshot:
                jobs = snapshot.jobs.finished(
                    before, statuses=due.statuses, whose=whose, with_original=due.with_original, limit=_AT_A_TIME
                )
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

    def _remove_crops(self, between: Callable[[], None]) -> int:
        """Removes sealed crops. Each row says until when they are kept, whatever the retention says now."""
        count = 0
        while True:
            now = self._clock()
            with self._database.snapshot() as snapshot:
                jobs = snapshot.jobs.with_expired_crops(now, _AT_A_TIME)
            if not jobs:
                return count
            noted = self._database.transact(partial(self._note_crops, jobs=jobs, now=now))
            # Should this end in between, they are orphans, as originals are.
            self._storage.delete([crops_key(job.tenant, job.id, job.claims) for job in noted])
            count += len(noted)
            between()

    def _note_crops(self, transaction: UnitOfWork, *, jobs: list[Job], now: datetime) -> list[Job]:
        noted = [job for job in jobs if transaction.jobs.expire_crops(job.id, now=now)]
        self._tell(transaction, noted, now, what="crops")
        return noted

    @staticmethod
    def _tell(transaction: UnitOfWork, jobs: list[Job], now: datetime, *, what: str) -> None:
        for job in jobs:
            event = SERVICE.did(AuditAction.EXPIRE, at=now, job_id=job.id, tenant=job.tenant, what=what)
            transaction.audit.add(event)
