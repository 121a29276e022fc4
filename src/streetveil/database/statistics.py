"""Figures over many jobs, each from an index or a bounded number of rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from streetveil.database.tables import JobRecord
from streetveil.domain.job import JobStatus
from streetveil.domain.reports import Confidence, Percentiles, RecentJobs, WorkerSeen


def counts(session: Session, batch_id: str | None) -> Mapping[JobStatus, int]:
    """Jobs per status but `erased`, of a batch or of all."""
    statement = select(JobRecord.status, func.count()).group_by(JobRecord.status)
    if batch_id is not None:
        statement = statement.where(JobRecord.batch_id == batch_id)
    found = dict(session.execute(statement).all())
    return {status: found.get(status.value, 0) for status in JobStatus if status is not JobStatus.ERASED}


def completed_since(session: Session, moment: datetime) -> int:
    """How many jobs were completed at `moment` or later."""
    completed = JobRecord.status == JobStatus.COMPLETED, JobRecord.finished_at >= moment
    return session.scalar(select(func.count()).select_from(JobRecord).where(*completed)) or 0


def failures(session: Session) -> Mapping[str, int]:
    """Failed jobs by the code of their error."""
    statement = (
        select(JobRecord.error_code, func.count())
        .where(JobRecord.status == JobStatus.FAILED)
        .group_by(JobRecord.error_code)
    )
    return {code or "unknown": count for code, count in session.execute(statement)}


def oldest_submission(session: Session) -> datetime | None:
    """When the submitted job that waits longest was submitted."""
    return session.scalar(select(func.min(JobRecord.submitted_at)).where(JobRecord.status == JobStatus.SUBMITTED))


def recent(session: Session, since: datetime, limit: int) -> RecentJobs:
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
    rows = session.execute(statement).all()
    return RecentJobs(
        latency=Percentiles.of([(row.finished_at - row.submitted_at).total_seconds() for row in rows]),
        processing_time=Percentiles.of([row.processing_time for row in rows]),
        confidence={
            "face": _confidence([(row.faces, row.face_confidence_sum) for row in rows]),
            "license_plate": _confidence([(row.plates, row.plate_confidence_sum) for row in rows]),
            "vehicle": _confidence([(row.vehicles, row.vehicle_confidence_sum) for row in rows]),
        },
        workers=_workers(session, [(row.worker_id, row.finished_at) for row in rows]),
    )


def _confidence(per_job: list[tuple[int, float]]) -> Confidence:
    objects = sum(count for count, _ in per_job)
    return Confidence(objects, sum(total for _, total in per_job) / objects if objects else None)


def _workers(session: Session, completions: list[tuple[str | None, datetime]]) -> tuple[WorkerSeen, ...]:
    seen: dict[str, WorkerSeen] = {}
    for worker_id, moment in completions:
        if worker_id is not None:
            before = seen.get(worker_id, WorkerSeen(worker_id, 0, 0, moment))
            seen[worker_id] = WorkerSeen(worker_id, 0, before.completed + 1, max(before.last_seen, moment))
    statement = (
        select(JobRecord.worker_id, func.count(), func.max(JobRecord.updated_at))
        .where(JobRecord.status == JobStatus.PROCESSING)
        .group_by(JobRecord.worker_id)
    )
    for worker_id, processing, moment in session.execute(statement):
        if worker_id is not None:
            before = seen.get(worker_id, WorkerSeen(worker_id, 0, 0, moment))
            seen[worker_id] = WorkerSeen(worker_id, processing, before.completed, max(before.last_seen, moment))
    return tuple(seen[worker_id] for worker_id in sorted(seen))
