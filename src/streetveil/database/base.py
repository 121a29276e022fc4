"""What the database promises to the use cases: short transactions, and transitions that happen once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from streetveil.domain.job import Job, JobFailure, JobResult, JobStatus
from streetveil.domain.reports import JobFilter, RecentJobs


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One row of `batches`."""

    id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Holding:
    """The part of a job's row that says which objects belong to it; `keys` are those it names."""

    status: JobStatus
    claims: int
    keys: frozenset[str]


class JobRepository(Protocol):
    """Every question about jobs, and every change to one.

    A transition is one UPDATE whose WHERE names the states it may start from; its return value says whether
    it happened. Those made by a worker (`complete`, `postpone`, `fail`) take the job as claimed and happen
    only while that claim is the job's latest.
    """

    def add(self, job: Job, *, fingerprint: str | None = None) -> bool:
        """Inserts a row; False where the job's idempotency key is taken."""
        ...

    def get(self, job_id: str) -> Job | None:
        """The job, erased ones included."""
        ...

    def by_idempotency_key(self, key: str) -> tuple[Job, str] | None:
        """The job that was submitted with `key`, and the fingerprint of that request."""
        ...

    def claim(self, job_id: str, *, worker_id: str, now: datetime, lease: timedelta) -> Job | None:
        """Submitted to processing; the job as it now is, None where it could not be claimed."""
        ...

    def complete(self, claimed: Job, result: JobResult, *, now: datetime) -> bool:
        """Processing to completed."""
        ...

    def postpone(self, claimed: Job, failure: JobFailure, *, now: datetime, due_at: datetime) -> bool:
        """Processing back to submitted, to be tried again from `due_at` on."""
        ...

    def fail(self, claimed: Job, failure: JobFailure, *, now: datetime) -> bool:
        """Processing to failed."""
        ...

    def resubmit(self, job_id: str, *, now: datetime) -> bool:
        """Failed to submitted, with attempts counted from zero."""
        ...

    def erase(self, job_id: str, *, now: datetime) -> bool:
        """Any state to erased: the row keeps nothing of the photo but the keys of its objects."""
        ...

    def purged(self, job_id: str) -> None:
        """Notes that an erased job's objects are gone."""
        ...

    def remind(self, job_id: str, *, now: datetime) -> None:
        """Moves a submitted job's `due_at` on to `now` where it has passed: its id has been queued again."""
        ...

    def overdue(self, status: JobStatus, *, before: datetime | None, after: str | None, limit: int) -> list[Job]:
        """Jobs in `status` by id, from the one after `after` on; with `before`, those due before it."""
        ...

    def unpurged(self, limit: int) -> list[Job]:
        """Erased jobs whose objects may still be there."""
        ...

    def holdings(self, job_ids: Collection[str]) -> Mapping[str, Holding]:
        """What those jobs that there are, erased ones included, keep in storage."""
        ...

    def page(self, wanted: JobFilter, *, after: str | None, limit: int) -> list[Job]:
        """Jobs that are not erased, newest first, from the one after `after` on."""
        ...

    def of_batch(self, batch_id: str, limit: int) -> list[Job]:
        """A batch's jobs that are not erased, oldest first."""
        ...

    def counts(self, *, batch_id: str | None = None) -> Mapping[JobStatus, int]:
        """Jobs per status but `erased`, each status named."""
        ...

    def completed_since(self, moment: datetime) -> int:
        """How many jobs were completed at `moment` or later."""
        ...

    def failures(self) -> Mapping[str, int]:
        """Failed jobs by the code of their error."""
        ...

    def recent(self, since: datetime, limit: int) -> RecentJobs:
        """Figures over the newest `limit` jobs that were completed at `since` or later."""
        ...

    def oldest_submission(self) -> datetime | None:
        """When the submitted job that waits longest was submitted."""
        ...


class BatchRepository(Protocol):
    """Every question about batches."""

    def add(self, batch: BatchRow) -> None: ...

    def get(self, batch_id: str) -> BatchRow | None: ...


class UnitOfWork(Protocol):
    """One transaction: what was done through it is committed whole, or not at all."""

    @property
    def jobs(self) -> JobRepository: ...

    @property
    def batches(self) -> BatchRepository: ...

    def after_commit(self, action: Callable[[], None]) -> None:
        """Runs `action` once the transaction is durable; drops it where it is rolled back.

        An action that raises is logged: what was committed stands, and `jobs/maintain` makes up for it.
        """
        ...


class Database(Protocol):
    """Where the truth about jobs is. Safe to call from several threads at once.

    Every method raises DatabaseUnavailableError where the database cannot be reached or refuses us; of a
    commit that failed so it is not known whether it happened.
    """

    def transaction(self) -> AbstractContextManager[UnitOfWork]:
        """Commits at the end of the block; rolls back where it raises."""
        ...

    def snapshot(self) -> AbstractContextManager[UnitOfWork]:
        """For reading: waits for no writer."""
        ...

    def check(self) -> None:
        """Returns where the database can be written to and has the schema this version needs.

        Raises:
            DatabaseUnavailableError: it cannot be reached or is read-only.
            SchemaMismatchError: its schema is older or newer.
        """
        ...

    def close(self) -> None:
        """Closes all connections. The database is not used afterwards."""
        ...
