"""What the database promises to the use cases: short transactions, and transitions that happen once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from streetveil.database.audit_base import AuditRepository
from streetveil.database.webhooks_base import WebhookRepository
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import Job, JobFailure, JobResult, JobStatus
from streetveil.domain.reports import JobFilter, RecentJobs

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One row of `batches`."""

    id: str
    created_at: datetime
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One row of `workers`: a process that works on jobs.

    Attributes:
        id: unique per start of a process.
        busy: threads at work on a job when it was last seen.
    """

    id: str
    host: str
    version: str
    started_at: datetime
    last_seen_at: datetime
    threads: int
    busy: int


@dataclass(frozen=True, slots=True)
class Holding:
    """The part of a job's row that says which objects belong to it.

    Attributes:
        keys: those it names.
        crops: whether the sealed crops of its last claim belong to it too.
    """

    status: JobStatus
    claims: int
    keys: frozenset[str]
    crops: bool = False


@dataclass(frozen=True, slots=True)
class Whose:
    """One tenant's jobs, or where none is named those of all but some."""

    tenant: str | None = None
    except_for: frozenset[str] = frozenset()


class JobRepository(Protocol):
    """Every question about jobs, and every change to one.

    A transition is one UPDATE whose WHERE names the states it may start from; its return value says whether
    it happened. Those made by a worker (`complete`, `hold`, `postpone`, `fail`) take the job as claimed and happen
    only while that claim is the job's latest; with `if_due_before` (of who takes the worker for lost) only
    while its lease ends before that moment.

    What is asked for a `tenant` is answered from that tenant's jobs alone; for None, as workers and operators ask,
    from all.
    """

    def add(self, job: Job, *, fingerprint: str | None = None) -> bool:
        """Inserts a row; False where the job's tenant has used its idempotency key."""
        ...

    def get(self, job_id: str, *, tenant: str | None = None) -> Job | None:
        """The job, erased ones included; None where it is another tenant's."""
        ...

    def by_idempotency_key(self, key: str, *, tenant: str) -> tuple[Job, str] | None:
        """The job that the tenant submitted with `key`, and the fingerprint of that request."""
        ...

    def claim(self, job_id: str, *, worker_id: str, now: datetime, lease: timedelta) -> Job | None:
        """Submitted to processing; the job as it now is, None where it could not be claimed."""
        ...

    def complete(self, claimed: Job, result: JobResult, *, now: datetime) -> bool:
        """Processing to completed."""
        ...

    def hold(self, claimed: Job, result: JobResult, *, now: datetime) -> bool:
        """Processing to needs_review."""
        ...

    def release(self, job_id: str, *, now: datetime) -> bool:
        """Needs_review to completed, with the result that was held back."""
        ...

    def postpone(
        self,
        claimed: Job,
        failure: JobFailure,
        *,
        now: datetime,
        due_at: datetime,
        if_due_before: datetime | None = None,
    ) -> bool:
        """Processing back to submitted, to be tried again from `due_at` on."""
        ...

    def fail(self, claimed: Job, failure: JobFailure, *, now: datetime, if_due_before: datetime | None = None) -> bool:
        """Processing to failed."""
        ...

    def resubmit(self, job_id: str, *, now: datetime) -> bool:
        """Failed or needs_review to submitted, with attempts counted from zero and without a result."""
        ...

    def erase(self, job_id: str, *, now: datetime) -> bool:
        """Any state to erased: the row keeps nothing of the photo but the keys of its objects."""
        ...

    def purged(self, job_id: str) -> bool:
        """Notes that an erased job's objects are gone; False where it was noted before."""
        ...

    def remind(self, job_ids: Collection[str], *, now: datetime) -> None:
        """Moves `due_at` of those submitted jobs on to `now` where it has passed: their ids have been queued again."""
        ...

    def extend_leases(self, job_ids: Collection[str], *, worker_id: str, due_at: datetime) -> int:
        """Lets `worker_id` keep those of the jobs that it is working on until `due_at`; how many it still has."""
        ...

    def expire_original(self, job_id: str, *, now: datetime) -> bool:
        """Notes that the original of a job that ended is no longer kept; False where it was noted before."""
        ...

    def expire_crops(self, job_id: str, *, now: datetime) -> bool:
        """Notes that sealed crops whose time is over are no longer kept; False where it was noted before."""
        ...

    def with_expired_crops(self, now: datetime, limit: int) -> list[Job]:
        """Jobs whose sealed crops are still kept, and their time is over."""
        ...

    def overdue(self, status: JobStatus, *, before: datetime | None, after: Job | None, limit: int) -> list[Job]:
        """Jobs in `status` by `due_at`, from the one after `after` on; with `before`, those due before it."""
        ...

    def finished(
        self, before: datetime, *, statuses: Collection[JobStatus], whose: Whose, with_original: bool, limit: int
    ) -> list[Job]:
        """Jobs that ended so before that moment; `with_original`: only those whose original is kept."""
        ...

    def unpurged(self, limit: int) -> list[Job]:
        """Erased jobs whose objects may still be there."""
        ...

    def holdings(self, job_ids: Collection[str]) -> Mapping[str, Holding]:
        """What those jobs that there are, erased ones included, keep in storage."""
        ...

    def page(self, wanted: JobFilter, *, tenant: str, after: str | None, limit: int) -> list[Job]:
        """A tenant's jobs that are not erased, newest first, from the one after `after` on."""
        ...

    def of_batch(self, batch_id: str, limit: int) -> list[Job]:
        """A batch's jobs that are not erased, oldest first."""
        ...

    def waiting(self, *, tenant: str | None = None) -> int:
        """How many jobs are submitted."""
        ...

    def counts(self, *, tenant: str | None, since: datetime) -> Mapping[JobStatus, int]:
        """Jobs that wait, for a worker or a person, and those that completed and failed at `since` or later."""
        ...

    def batch_counts(self, batch_id: str) -> Mapping[JobStatus, int]:
        """A batch's jobs per status but `erased`, each status named."""
        ...

    def completed_since(self, moment: datetime, *, tenant: str | None) -> int:
        """How many jobs were completed at `moment` or later."""
        ...

    def failures(self, *, tenant: str | None, since: datetime) -> Mapping[str, int]:
        """Jobs that failed at `since` or later by the code of their error."""
        ...

    def last_failed(self, since: datetime, limit: int, *, tenant: str | None) -> list[Job]:
        """The jobs that failed last, at `since` or later, newest first."""
        ...

    def recent(self, since: datetime, limit: int, *, tenant: str | None) -> RecentJobs:
        """Figures over the newest `limit` jobs that were completed at `since` or later; the workers are everyone's."""
        ...

    def oldest_submission(self, *, tenant: str | None) -> datetime | None:
        """When the submitted job that waits longest was submitted."""
        ...


class BatchRepository(Protocol):
    """Every question about batches."""

    def add(self, batch: BatchRow) -> None: ...

    def get(self, batch_id: str, *, tenant: str) -> BatchRow | None:
        """The batch; None where it is another tenant's."""
        ...


class WorkerRepository(Protocol):
    """Every question about the processes that work on jobs."""

    def seen(self, worker: WorkerRow) -> None:
        """Records that the process lives."""
        ...

    def left(self, worker_id: str) -> None:
        """Forgets the process: it has ended."""
        ...

    def prune(self, before: datetime) -> int:
        """Forgets those last seen before that moment; how many."""
        ...

    def all(self) -> list[WorkerRow]:
        """Those known, by id."""
        ...


class TurnRepository(Protocol):
    """Who may do what only one process at a time should do, and until when nobody else may."""

    def take(self, name: str, *, holder: str, now: datetime, until: datetime) -> bool:
        """Makes it `holder`'s until that moment; False while another turn lasts, the holder's own included."""
        ...

    def keep(self, name: str, *, holder: str, until: datetime) -> bool:
        """Moves the end of the holder's turn; False where it is the holder's no longer."""
        ...


class UnitOfWork(Protocol):
    """One transaction: what was done through it is committed whole, or not at all."""

    @property
    def jobs(self) -> JobRepository: ...

    @property
    def batches(self) -> BatchRepository: ...

    @property
    def workers(self) -> WorkerRepository: ...

    @property
    def turns(self) -> TurnRepository: ...

    @property
    def webhooks(self) -> WebhookRepository: ...

    @property
    def audit(self) -> AuditRepository: ...

    def after_commit(self, action: Callable[[], None]) -> None:
        """Runs `action` once the transaction is durable; drops it where it is rolled back.

        An action that raises is logged: what was committed stands, and `jobs/maintain` makes up for it.
        """
        ...


class Database(Protocol):
    """Where the truth about jobs is. Safe to call from several threads at once.

    Every method raises DatabaseUnavailableError where the database cannot be reached or refuses us.
    """

    def transact(self, work: Callable[[UnitOfWork], T]) -> T:
        """Does `work` in a transaction, commits it and returns what `work` did; rolls back where it raises.

        `work` is called again, in a new transaction, where the database chose this one to resolve a deadlock or
        lost the connection before the commit: it must do nothing that a rollback does not undo. A commit whose
        answer was lost is not repeated: OutcomeUnknownError says that it may have happened.
        """
        ...

    def snapshot(self) -> AbstractContextManager[UnitOfWork]:
        """For reading: waits for no writer."""
        ...

    def forget_erased(self) -> bool:
        """Empties the database's own log of what rows were before; False where that cannot be done now.

        It is SQLite's that can be emptied from here; docs/audit-log.md says what servers keep.
        """
        ...

    def check(self) -> None:
        """Returns where the database can be written to and has the schema this version needs. Cheap.

        Raises:
            DatabaseUnavailableError: it cannot be reached now, or is read-only.
            ConfigurationError: it will never be: the password is wrong, say.
            SchemaMismatchError: its schema is older or newer.
        """
        ...

    def close(self) -> None:
        """Closes all connections. The database is not used afterwards."""
        ...
