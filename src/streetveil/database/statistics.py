"""Figures over many jobs, each from a bounded part of an index: what waits, or what ended lately."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from streetveil.database.tables import JobRecord, WorkerRecord, table_of
from streetveil.domain.job import JobStatus
from streetveil.domain.reports import Confidence, Percentiles, RecentJobs, WorkerSeen

_Select = TypeVar("_Select", bound=Select[*tuple[Any, ...]])

_OPEN = (JobStatus.SUBMITTED, JobStatus.PROCESSING, JobStatus.NEEDS_REVIEW)
_ENDED = (JobStatus.COMPLETED, JobStatus.FAILED)


def of_tenant(tenant: str | None) -> list[ColumnElement[bool]]:
    """Where a job is the tenant's; nothing where all are meant."""
    return [] if tenant is None else [JobRecord.tenant == tenant]


def waiting(connection: Connection, tenant: str | None) -> int:
    """How many jobs are submitted."""
    submitted = JobRecord.status == JobStatus.SUBMITTED, *of_tenant(tenant)
    return connection.scalar(select(func.count()).where(*submitted)) or 0


def counts(connection: Connection, tenant: str | None, since: datetime) -> Mapping[JobStatus, int]:
    """Jobs that wait, for a worker or a person, and those that ended at `since` or later."""
    by_status = select(JobRecord.status, func.count()).group_by(JobRecord.status)
    still_open = *of_tenant(tenant), JobRecord.status.in_(_OPEN)
    ended = JobRecord.status.in_(_ENDED), JobRecord.finished_at >= since
    found = dict(connection.execute(by_status.where(*still_open)).all())
    found |= dict(connection.execute(_by_end(by_status.where(*ended), tenant)).all())
    return {status: found.get(status.value, 0) for status in (*_OPEN, *_ENDED)}


def batch_counts(connection: Connection, batch_id: str) -> Mapping[JobStatus, int]:
    """A batch's jobs per status but `erased`."""
    statement = select(JobRecord.status, func.count()).where(JobRecord.batch_id == batch_id).group_by(JobRecord.status)
    found = dict(connection.execute(statement).all())
    return {status: found.get(status.value, 0) for status in (*_OPEN, *_ENDED)}


def completed_since(connection: Connection, tenant: str | None, moment: datetime) -> int:
    """How many jobs were completed at `moment` or later."""
    completed = JobRecord.status == JobStatus.COMPLETED, JobRecord.finished_at >= moment
    return connection.scalar(_by_end(select(func.count()).where(*completed), tenant)) or 0


def failures(connection: Connection, tenant: str | None, since: datetime) -> Mapping[str, int]:
    """Jobs that failed at `since` or later by the code of their error."""
    statement = (
        select(JobRecord.error_code, func.count())
        .where(JobRecord.status == JobStatus.FAILED, JobRecord.finished_at >= since)
        .group_by(JobRecord.error_code)
    )
    return {code or "unknown": count for code, count in connection.execute(_by_end(statement, tenant))}


def last_failed(connection: Connection, tenant: str | None, since: datetime, limit: int) -> list[Row[Any]]:
    """The jobs that failed last, at `since` or later, newest first."""
    statement = (
        select(table_of(JobRecord))
        .where(JobRecord.status == JobStatus.FAILED, JobRecord.finished_at >= since)
        .order_by(JobRecord.finished_at.desc())
        .limit(limit)
    )
    return list(connection.execute(_by_end(statement, tenant)))


def oldest_submission(connection: Connection, tenant: str | None) -> datetime | None:
    """When the submitted job that waits longest was submitted."""
    submitted = JobRecord.status == JobStatus.SUBMITTED, *of_tenant(tenant)
    return connection.scalar(select(func.min(JobRecord.submitted_at)).where(*submitted))


def recent(connection: Connection, tenant: str | None, since: datetime, limit: int) -> RecentJobs:
    """Figures over the newest `limit` jobs that were completed at `since` or later."""
    statement = (
        select(
            JobRecord.submitted_at,
            JobRecord.finished_at,
            JobRecord.processing_time,
            JobRecord.worker_id,
            JobRecord.faces,
            JobRecord.face_confidence_sum,
            JobRecord.plates,
            JobRecord.plate_confidence_sum,
            JobRecord.vehicles,
            JobRecord.vehicle_confidence_sum,
        )
        .where(JobRecord.status == JobStatus.COMPLETED, JobRecord.finished_at >= since)
        .order_by(JobRecord.finished_at.desc())
        .limit(limit)
    )
    rows = connection.execute(_by_end(statement, tenant)).all()
    return RecentJobs(
        latency=Percentiles.of([(row.finished_at - row.submitted_at).total_seconds() for row in rows]),
        processing_time=Percentiles.of([row.processing_time for row in rows]),
        confidence={
            "face": _confidence([(row.faces, row.face_confidence_sum) for row in rows]),
            "license_plate": _confidence([(row.plates, row.plate_confidence_sum) for row in rows]),
            "vehicle": _confidence([(row.vehicles, row.vehicle_confidence_sum) for row in rows]),
        },
        workers=_workers(connection, since, [(row.worker_id, row.finished_at) for row in rows]),
    )


def _by_end(statement: _Select, tenant: str | None) -> _Select:
    """The same of a tenant's jobs, found by when they ended.

    Left the choice between two indexes that would do, MariaDB took the right one and did not stop at the hour: it read
    a million rows for a thousand.
    """
    index = "status_finished_at" if tenant is None else "tenant_status_finished_at"
    hint = f"FORCE INDEX (ix_processed_images_{index})"
    return statement.where(*of_tenant(tenant)).with_hint(JobRecord, hint, "mysql")


def _confidence(per_job: list[tuple[int, float]]) -> Confidence:
    objects = sum(count for count, _ in per_job)
    return Confidence(objects, sum(total for _, total in per_job) / objects if objects else None)


def _workers(
    connection: Connection, since: datetime, completions: list[tuple[str | None, datetime]]
) -> tuple[WorkerSeen, ...]:
    """Those that live, and those that have ended since and completed jobs before."""
    completed: dict[str, int] = {}
    last: dict[str, datetime] = {}
    for worker_id, moment in completions:
        if worker_id is not None:
            completed[worker_id] = completed.get(worker_id, 0) + 1
            last[worker_id] = max(last.get(worker_id, moment), moment)
    seen = {worker_id: WorkerSeen(worker_id, 0, completed[worker_id], last[worker_id]) for worker_id in completed}
    for row in connection.execute(select(table_of(WorkerRecord)).where(WorkerRecord.last_seen_at >= since)):
        seen[row.id] = WorkerSeen(
            id=row.id,
            processing=row.busy,
            completed=completed.get(row.id, 0),
            last_seen=max(row.last_seen_at, last.get(row.id, row.last_seen_at)),
            host=row.host,
            version=row.version,
            started_at=row.started_at,
            threads=row.threads,
        )
    return tuple(seen[worker_id] for worker_id in sorted(seen))
