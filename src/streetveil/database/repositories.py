"""Every query about one job or several, and every transition. `base.py` says what each promises."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from streetveil.database import statistics, webhooks
from streetveil.database.base import BatchRow, Holding, Whose
from streetveil.database.pages import page_ids
from streetveil.database.records import (
    ERASED_COLUMNS,
    NO_RESULT,
    failure_columns,
    held_columns,
    job_of,
    new_row,
    result_columns,
    worker_column,
)
from streetveil.database.tables import BatchRecord, JobRecord, table_of
from streetveil.database.transitions import Only, transition
from streetveil.domain.job import Job, JobFailure, JobResult, JobStatus
from streetveil.domain.reports import JobFilter, RecentJobs

_IDS_AT_A_TIME = 500
_JOBS = table_of(JobRecord)
# Made once: to make a statement takes as long as to have it done.
_ADD = insert(_JOBS)
_GET = select(_JOBS).where(_JOBS.c.id == bindparam("job"))
_GET_OF_TENANT = _GET.where(_JOBS.c.tenant == bindparam("of_tenant"))
# No worker is at it, nor will be unless a person asks.
_ENDED = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.NEEDS_REVIEW)


class SqlJobRepository:
    """A `JobRepository` within one connection's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- transitions ---

    def add(self, job: Job, *, fingerprint: str | None = None) -> bool:
        try:
            # The databases undo no more than the statement.
            self._connection.execute(_ADD, new_row(job, fingerprint))
        except IntegrityError:
            if job.idempotency_key is None or self.by_idempotency_key(job.idempotency_key, tenant=job.tenant) is None:
                raise
            return False
        return True

    def claim(self, job_id: str, *, worker_id: str, now: datetime, lease: timedelta) -> Job | None:
        values = {"worker_id": worker_column(worker_id), "started_at": now, "due_at": now + lease}
        # The row is ours until the commit, so this reads what was just written.
        return self.get(job_id) if self._move(job_id, JobStatus.PROCESSING, now, values) else None

    def complete(self, claimed: Job, result: JobResult, *, now: datetime) -> bool:
        values = result_columns(result) | failure_columns(None) | {"finished_at": now, "due_at": None}
        return self._move_claimed(claimed, JobStatus.COMPLETED, now, values)

    def hold(self, claimed: Job, result: JobResult, *, now: datetime) -> bool:
        values = held_columns(result) | failure_columns(None) | {"finished_at": now, "due_at": None}
        return self._move_claimed(claimed, JobStatus.NEEDS_REVIEW, now, values)

    def release(self, job_id: str, *, now: datetime) -> bool:
        job = self.get(job_id)
        if job is None or job.held is None:
            return False
        # The very result that was looked at, and not that of a later claim.
        values = result_columns(job.held) | {"finished_at": now, "at_claim": job.claims}
        return self._move(job_id, JobStatus.COMPLETED, now, values, "held")

    def postpone(
        self,
        claimed: Job,
        failure: JobFailure,
        *,
        now: datetime,
        due_at: datetime,
        if_due_before: datetime | None = None,
    ) -> bool:
        values = failure_columns(failure) | {"due_at": due_at}
        return self._move_claimed(claimed, JobStatus.SUBMITTED, now, values, if_due_before)

    def fail(self, claimed: Job, failure: JobFailure, *, now: datetime, if_due_before: datetime | None = None) -> bool:
        values = failure_columns(failure) | {"finished_at": now, "due_at": None}
        return self._move_claimed(claimed, JobStatus.FAILED, now, values, if_due_before)

    def resubmit(self, job_id: str, *, now: datetime) -> bool:
        values = failure_columns(None) | {"attempts": 0, "submitted_at": now, "finished_at": None, "due_at": now}
        return self._move(job_id, JobStatus.SUBMITTED, now, {**values, **NO_RESULT}, "resubmittable")

    def erase(self, job_id: str, *, now: datetime) -> bool:
        return self._move(job_id, JobStatus.ERASED, now, {"due_at": now, **ERASED_COLUMNS})

    def purged(self, job_id: str) -> bool:
        erased = JobRecord.id == job_id, JobRecord.status == JobStatus.ERASED, JobRecord.due_at.is_not(None)
        return self._connection.execute(update(JobRecord).where(*erased).values(due_at=None)).rowcount == 1

    def remind(self, job_ids: Collection[str], *, now: datetime) -> None:
        overdue = JobRecord.id.in_(job_ids), JobRecord.status == JobStatus.SUBMITTED, JobRecord.due_at < now
        self._connection.execute(update(JobRecord).where(*overdue).values(due_at=now))

    def extend_leases(self, job_ids: Collection[str], *, worker_id: str, due_at: datetime) -> int:
        if not job_ids:
            return 0
        own = (
            JobRecord.id.in_(job_ids),
            JobRecord.status == JobStatus.PROCESSING,
            JobRecord.worker_id == worker_column(worker_id),
        )
        return self._connection.execute(update(JobRecord).where(*own).values(due_at=due_at)).rowcount

    def expire_original(self, job_id: str, *, now: datetime) -> bool:
        kept = (
            JobRecord.id == job_id,
            JobRecord.status.in_(_ENDED),
            JobRecord.original_deleted_at.is_(None),
        )
        statement = update(JobRecord).where(*kept).values(original_deleted_at=now)
        return self._connection.execute(statement).rowcount == 1

    def expire_crops(self, job_id: str, *, now: datetime) -> bool:
        expired = JobRecord.id == job_id, JobRecord.crops_expires_at <= now
        statement = update(JobRecord).where(*expired).values(crops_expires_at=None)
        return self._connection.execute(statement).rowcount == 1

    def _move_claimed(
        self,
        claimed: Job,
        to: JobStatus,
        now: datetime,
        values: Mapping[str, object],
        if_due_before: datetime | None = None,
    ) -> bool:
        """`_move` where the claim is the job's latest, and its lease, if that counts, older than the moment."""
        bound = {"at_claim": claimed.claims}
        if if_due_before is None:
            return self._move(claimed.id, to, now, {**values, **bound}, "claimed")
        return self._move(claimed.id, to, now, {**values, **bound, "due_before": if_due_before}, "overdue")

    def _move(
        self, job_id: str, to: JobStatus, now: datetime, values: Mapping[str, object], only: Only = "any"
    ) -> bool:
        """The one UPDATE behind every transition; True where it found the job in a state it may leave."""
        bound = {"job": job_id, "status": to.value, "updated_at": now, **values}
        moved = self._connection.execute(transition(to, only), bound).rowcount == 1
        if moved:
            webhooks.follow(self._connection, job_id, to, now)
        return moved

    # --- questions ---

    def get(self, job_id: str, *, tenant: str | None = None) -> Job | None:
        statement, whose = (_GET, {}) if tenant is None else (_GET_OF_TENANT, {"of_tenant": tenant})
        row = self._connection.execute(statement, {"job": job_id, **whose}).one_or_none()
        return job_of(row) if row is not None else None

    def holdings(self, job_ids: Collection[str]) -> Mapping[str, Holding]:
        ordered = sorted(job_ids)
        columns = (
            JobRecord.id,
            JobRecord.status,
            JobRecord.claims,
            JobRecord.original_deleted_at,
            JobRecord.crops_expires_at,
            JobRecord.original_key,
            JobRecord.processed_key,
            JobRecord.metadata_key,
        )
        found: dict[str, Holding] = {}
        for start in range(0, len(ordered), _IDS_AT_A_TIME):
            some = JobRecord.id.in_(ordered[start : start + _IDS_AT_A_TIME])
            for job_id, status, claims, expired, crops, original, *results in self._connection.execute(
                select(*columns).where(some)
            ):
                named = results if expired else [original, *results]
                keys = frozenset(key for key in named if key)
                found[job_id] = Holding(JobStatus(status), claims, keys, crops is not None)
        return found

    def by_idempotency_key(self, key: str, *, tenant: str) -> tuple[Job, str] | None:
        statement = select(_JOBS).where(*statistics.of_tenant(tenant), JobRecord.idempotency_key == key)
        row = self._connection.execute(statement).one_or_none()
        return (job_of(row), row.request_fingerprint or "") if row is not None else None

    def overdue(self, status: JobStatus, *, before: datetime | None, after: Job | None, limit: int) -> list[Job]:
        order = JobRecord.due_at, JobRecord.id
        statement = select(_JOBS).where(JobRecord.status == status).order_by(*order).limit(limit)
        if before is not None:
            statement = statement.where(JobRecord.due_at < before)
        if after is not None:
            later = or_(JobRecord.due_at > after.due_at, JobRecord.id > after.id)
            statement = statement.where(JobRecord.due_at >= after.due_at, later)
        return self._jobs(statement)

    def finished(
        self, before: datetime, *, statuses: Collection[JobStatus], whose: Whose, with_original: bool, limit: int
    ) -> list[Job]:
        jobs: list[Job] = []
        for status in statuses:
            statement = select(_JOBS).where(JobRecord.status == status, JobRecord.finished_at < before)
            statement = statement.where(*statistics.of_tenant(whose.tenant))
            if whose.except_for:
                statement = statement.where(JobRecord.tenant.not_in(sorted(whose.except_for)))
            if with_original:
                statement = statement.where(JobRecord.original_deleted_at.is_(None))
            jobs += self._jobs(statement.order_by(JobRecord.finished_at).limit(limit - len(jobs)))
        return jobs

    def with_expired_crops(self, now: datetime, limit: int) -> list[Job]:
        order = JobRecord.crops_expires_at
        return self._jobs(select(_JOBS).where(order <= now).order_by(order).limit(limit))

    def unpurged(self, limit: int) -> list[Job]:
        erased = JobRecord.status == JobStatus.ERASED, JobRecord.due_at.is_not(None)
        return self._jobs(select(_JOBS).where(*erased).order_by(JobRecord.due_at).limit(limit))

    def page(self, wanted: JobFilter, *, tenant: str, after: str | None, limit: int) -> list[Job]:
        selected = page_ids(wanted, tenant=tenant, after=after, limit=limit)
        ids = list(self._connection.scalars(selected)) if selected is not None else []
        if not ids:
            return []
        return self._jobs(select(_JOBS).where(JobRecord.id.in_(ids)).order_by(JobRecord.id.desc()))

    def of_batch(self, batch_id: str, limit: int) -> list[Job]:
        belongs = JobRecord.batch_id == batch_id, JobRecord.status != JobStatus.ERASED
        return self._jobs(select(_JOBS).where(*belongs).order_by(JobRecord.id).limit(limit))

    def waiting(self, *, tenant: str | None = None) -> int:
        return statistics.waiting(self._connection, tenant)

    def counts(self, *, tenant: str | None, since: datetime) -> Mapping[JobStatus, int]:
        return statistics.counts(self._connection, tenant, since)

    def batch_counts(self, batch_id: str) -> Mapping[JobStatus, int]:
        return statistics.batch_counts(self._connection, batch_id)

    def completed_since(self, moment: datetime, *, tenant: str | None) -> int:
        return statistics.completed_since(self._connection, tenant, moment)

    def failures(self, *, tenant: str | None, since: datetime) -> Mapping[str, int]:
        return statistics.failures(self._connection, tenant, since)

    def last_failed(self, since: datetime, limit: int, *, tenant: str | None) -> list[Job]:
        return [job_of(row) for row in statistics.last_failed(self._connection, tenant, since, limit)]

    def recent(self, since: datetime, limit: int, *, tenant: str | None) -> RecentJobs:
        return statistics.recent(self._connection, tenant, since, limit)

    def oldest_submission(self, *, tenant: str | None) -> datetime | None:
        return statistics.oldest_submission(self._connection, tenant)

    def _jobs(self, statement: Select[Any]) -> list[Job]:
        return [job_of(row) for row in self._connection.execute(statement)]


class SqlBatchRepository:
    """A `BatchRepository` within one connection's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, batch: BatchRow) -> None:
        self._connection.execute(insert(BatchRecord).values(asdict(batch)))

    def get(self, batch_id: str, *, tenant: str) -> BatchRow | None:
        statement = select(table_of(BatchRecord)).where(BatchRecord.id == batch_id, BatchRecord.tenant == tenant)
        row = self._connection.execute(statement).one_or_none()
        return BatchRow(row.id, row.created_at, row.tenant) if row is not None else None
