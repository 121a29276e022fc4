"""Every query about one job or several, and every transition. `base.py` says what each promises."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Select, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from streetveil.database import statistics
from streetveil.database.base import BatchRow, Holding
from streetveil.database.records import (
    ERASED_COLUMNS,
    failure_columns,
    job_of,
    new_row,
    result_columns,
    worker_column,
)
from streetveil.database.tables import BatchRecord, JobRecord
from streetveil.domain.job import TRANSITIONS, Job, JobFailure, JobResult, JobStatus, first_id
from streetveil.domain.reports import JobFilter, RecentJobs

_IDS_AT_A_TIME = 500


class SqlJobRepository:
    """A `JobRepository` within one session's transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # --- transitions ---

    def add(self, job: Job, *, fingerprint: str | None = None) -> bool:
        try:
            # A savepoint, so that the transaction can go on.
            with self._session.begin_nested():
                self._session.execute(insert(JobRecord).values(new_row(job, fingerprint)))
        except IntegrityError:
            if job.idempotency_key is None or self.by_idempotency_key(job.idempotency_key) is None:
                raise
            return False
        return True

    def claim(self, job_id: str, *, worker_id: str, now: datetime, lease: timedelta) -> Job | None:
        claimed = self._move(
            job_id,
            JobStatus.PROCESSING,
            now,
            attempts=JobRecord.attempts + 1,
            claims=JobRecord.claims + 1,
            worker_id=worker_column(worker_id),
            started_at=now,
            due_at=now + lease,
        )
        # The row is ours until the commit, so this reads what was just written.
        return self.get(job_id) if claimed else None

    def complete(self, claimed: Job, result: JobResult, *, now: datetime) -> bool:
        values = result_columns(result) | failure_columns(None)
        return self._move(claimed.id, JobStatus.COMPLETED, now, claim=claimed, finished_at=now, due_at=None, **values)

    def postpone(self, claimed: Job, failure: JobFailure, *, now: datetime, due_at: datetime) -> bool:
        values = failure_columns(failure)
        return self._move(claimed.id, JobStatus.SUBMITTED, now, claim=claimed, due_at=due_at, **values)

    def fail(self, claimed: Job, failure: JobFailure, *, now: datetime) -> bool:
        values = failure_columns(failure)
        return self._move(claimed.id, JobStatus.FAILED, now, claim=claimed, finished_at=now, due_at=None, **values)

    def resubmit(self, job_id: str, *, now: datetime) -> bool:
        values = failure_columns(None)
        return self._move(
            job_id,
            JobStatus.SUBMITTED,
            now,
            only_from=JobStatus.FAILED,
            attempts=0,
            submitted_at=now,
            finished_at=None,
            due_at=now,
            **values,
        )

    def erase(self, job_id: str, *, now: datetime) -> bool:
        return self._move(job_id, JobStatus.ERASED, now, due_at=now, **ERASED_COLUMNS)

    def purged(self, job_id: str) -> None:
        erased = JobRecord.id == job_id, JobRecord.status == JobStatus.ERASED
        self._session.execute(update(JobRecord).where(*erased).values(due_at=None))

    def remind(self, job_id: str, *, now: datetime) -> None:
        overdue = JobRecord.id == job_id, JobRecord.status == JobStatus.SUBMITTED, JobRecord.due_at < now
        self._session.execute(update(JobRecord).where(*overdue).values(due_at=now))

    def _move(
        self,
        job_id: str,
        to: JobStatus,
        now: datetime,
        *,
        claim: Job | None = None,
        only_from: JobStatus | None = None,
        **values: object,
    ) -> bool:
        """The one UPDATE behind every transition; True where it found the job in a state it may leave."""
        statement = (
            update(JobRecord)
            .where(JobRecord.id == job_id, JobRecord.status.in_(sorted(TRANSITIONS[to])))
            .values(status=to.value, updated_at=now, **values)
            .execution_options(synchronize_session=False)
        )
        if only_from is not None:
            statement = statement.where(JobRecord.status == only_from)
        if claim is not None:
            statement = statement.where(JobRecord.status == JobStatus.PROCESSING, JobRecord.claims == claim.claims)
        return self._session.connection().execute(statement).rowcount == 1

    # --- questions ---

    def get(self, job_id: str) -> Job | None:
        jobs = self._jobs(select(JobRecord).where(JobRecord.id == job_id))
        return jobs[0] if jobs else None

    def holdings(self, job_ids: Collection[str]) -> Mapping[str, Holding]:
        ordered = sorted(job_ids)
        keys = JobRecord.original_key, JobRecord.processed_key, JobRecord.metadata_key
        found: dict[str, Holding] = {}
        for start in range(0, len(ordered), _IDS_AT_A_TIME):
            some = JobRecord.id.in_(ordered[start : start + _IDS_AT_A_TIME])
            for job_id, status, claims, *named in self._session.execute(
                select(JobRecord.id, JobRecord.status, JobRecord.claims, *keys).where(some)
            ):
                found[job_id] = Holding(JobStatus(status), claims, frozenset(key for key in named if key))
        return found

    def by_idempotency_key(self, key: str) -> tuple[Job, str] | None:
        statement = select(JobRecord).where(JobRecord.idempotency_key == key)
        row = self._session.scalars(statement).one_or_none()
        return (job_of(row), row.request_fingerprint or "") if row is not None else None

    def overdue(self, status: JobStatus, *, before: datetime | None, after: str | None, limit: int) -> list[Job]:
        statement = select(JobRecord).where(JobRecord.status == status).order_by(JobRecord.id).limit(limit)
        if before is not None:
            statement = statement.where(JobRecord.due_at < before)
        if after is not None:
            statement = statement.where(JobRecord.id > after)
        return self._jobs(statement)

    def unpurged(self, limit: int) -> list[Job]:
        erased = JobRecord.status == JobStatus.ERASED, JobRecord.due_at.is_not(None)
        return self._jobs(select(JobRecord).where(*erased).order_by(JobRecord.due_at).limit(limit))

    def page(self, wanted: JobFilter, *, after: str | None, limit: int) -> list[Job]:
        status = JobRecord.status == wanted.status if wanted.status else JobRecord.status != JobStatus.ERASED
        statement = select(JobRecord).where(status).order_by(JobRecord.id.desc()).limit(limit)
        for column, value in (
            (JobRecord.is_vehicle_detected, wanted.is_vehicle_detected),
            (JobRecord.is_face_detected, wanted.is_face_detected),
            (JobRecord.is_face_blurred, wanted.is_face_blurred),
            (JobRecord.is_plate_blurred, wanted.is_plate_blurred),
        ):
            if value is not None:
                statement = statement.where(column == value)
        # An id begins with the millisecond of `created_at`: its range is what the index finds.
        if wanted.since is not None:
            statement = statement.where(JobRecord.id >= first_id(wanted.since), JobRecord.created_at >= wanted.since)
        if wanted.until is not None:
            bound = first_id(wanted.until + timedelta(milliseconds=1))
            statement = statement.where(JobRecord.id < bound, JobRecord.created_at < wanted.until)
        if after is not None:
            statement = statement.where(JobRecord.id < after)
        return self._jobs(statement)

    def of_batch(self, batch_id: str, limit: int) -> list[Job]:
        belongs = JobRecord.batch_id == batch_id, JobRecord.status != JobStatus.ERASED
        return self._jobs(select(JobRecord).where(*belongs).order_by(JobRecord.id).limit(limit))

    def counts(self, *, batch_id: str | None = None) -> Mapping[JobStatus, int]:
        return statistics.counts(self._session, batch_id)

    def completed_since(self, moment: datetime) -> int:
        return statistics.completed_since(self._session, moment)

    def failures(self) -> Mapping[str, int]:
        return statistics.failures(self._session)

    def recent(self, since: datetime, limit: int) -> RecentJobs:
        return statistics.recent(self._session, since, limit)

    def oldest_submission(self) -> datetime | None:
        return statistics.oldest_submission(self._session)

    def _jobs(self, statement: Select[JobRecord]) -> list[Job]:
        # Transitions go past the session's memory of rows, so each question reads anew.
        return [job_of(row) for row in self._session.scalars(statement.execution_options(populate_existing=True))]


class SqlBatchRepository:
    """A `BatchRepository` within one session's transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, batch: BatchRow) -> None:
        self._session.execute(insert(BatchRecord).values(id=batch.id, created_at=batch.created_at))

    def get(self, batch_id: str) -> BatchRow | None:
        row = self._session.get(BatchRecord, batch_id)
        return BatchRow(row.id, row.created_at) if row is not None else None
