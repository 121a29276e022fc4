"""How far a job is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field

from streetveil.api.schemas.base import Schema
from streetveil.api.schemas.findings import BlurMetadata, DetectionMetadata
from streetveil.domain.job import Job, JobStatus
from streetveil.domain.reports import JobPage
from streetveil.domain.webhooks import WebhookReport, WebhookStatus
from streetveil.errors import JobNotFoundError

PublicStatus = Literal["submitted", "processing", "completed", "needs_review", "failed"]


class Results(Schema):
    """Where the images are and what was found."""

    original_image_path: str | None = Field(
        description="null for those who may not see originals", examples=["s3://bucket/original/0190.jpg"]
    )
    processed_image_path: str | None = Field(examples=["s3://bucket/processed/0190.jpg"])
    processing_time: float = Field(description="seconds")
    blur_metadata: BlurMetadata
    detection_metadata: DetectionMetadata


class JobError(Schema):
    """Why a job failed."""

    code: str = Field(examples=["undecodable_image"])
    detail: str
    attempts: int

    @classmethod
    def of(cls, job: Job) -> Self | None:
        """The error of a failed job; one that is tried again after an error has none to tell."""
        if job.status is not JobStatus.FAILED or job.failure is None:
            return None
        return cls(code=job.failure.code, detail=job.failure.detail, attempts=job.attempts)


class WebhookState(Schema):
    """How far the newest message to a job's `webhook_url` has come."""

    status: WebhookStatus = Field(description="`waiting` until the job ends, `due` until it is accepted or given up.")
    attempts: int
    error: str | None = Field(description="What went wrong with the last attempt; null where nothing did.")

    @classmethod
    def of(cls, report: WebhookReport) -> Self:
        return cls(status=report.status, attempts=report.attempts, error=report.error)


class JobState(Schema):
    """How far a job is. `error` is there only where it failed, `webhook` where one was asked for."""

    job_id: str
    status: PublicStatus
    updated_at: float = Field(description="Unix time in seconds", examples=[1789996271.53])
    results: Results | None = Field(description="null until completed")
    error: JobError | None = None
    webhook: WebhookState | None = None


class JobSummary(Schema):
    """One job in a list."""

    job_id: str
    status: PublicStatus
    filename: str
    file_size: int = Field(description="bytes")
    media_type: str
    batch_id: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempts: int
    processing_time: float | None = Field(description="seconds; null until completed")
    is_vehicle_detected: bool | None = Field(description="null until completed, as the three below")
    is_face_detected: bool | None
    is_face_blurred: bool | None
    is_plate_blurred: bool | None
    error: JobError | None

    @classmethod
    def of(cls, job: Job) -> Self:
        seen: dict[str, Any] = dict(job.result.detection_metadata) if job.result else {}
        plates = job.result.blur_metadata.get("plates_blurred") if job.result else None
        return cls(
            job_id=job.id,
            status=public_status(job),
            filename=job.filename,
            file_size=job.file_size,
            media_type=job.media_type,
            batch_id=job.batch_id,
            created_at=job.created_at,
            updated_at=job.updated_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            attempts=job.attempts,
            processing_time=job.result.processing_time if job.result else None,
            is_vehicle_detected=seen.get("is_vehicle_detected"),
            is_face_detected=seen.get("is_face_detected"),
            is_face_blurred=seen.get("is_face_blurred"),
            is_plate_blurred=None if plates is None else plates > 0,
            error=JobError.of(job),
        )


class JobList(Schema):
    """Some jobs, newest first."""

    jobs: list[JobSummary]
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last one.")

    @classmethod
    def of(cls, page: JobPage, next_cursor: str | None) -> Self:
        return cls(jobs=[JobSummary.of(job) for job in page.jobs], next_cursor=next_cursor)


class Counts(Schema):
    """Jobs by status."""

    submitted: int
    processing: int
    completed: int
    needs_review: int
    failed: int

    @classmethod
    def of(cls, counts: Mapping[JobStatus, int]) -> Self:
        return cls(
            submitted=counts[JobStatus.SUBMITTED],
            processing=counts[JobStatus.PROCESSING],
            completed=counts[JobStatus.COMPLETED],
            needs_review=counts[JobStatus.NEEDS_REVIEW],
            failed=counts[JobStatus.FAILED],
        )


def public_status(job: Job) -> PublicStatus:
    """A job's status as callers know it; an erased job is none that they can ask for."""
    match job.status:
        case JobStatus.SUBMITTED:
            return "submitted"
        case JobStatus.PROCESSING:
            return "processing"
        case JobStatus.COMPLETED:
            return "completed"
        case JobStatus.NEEDS_REVIEW:
            return "needs_review"
        case JobStatus.FAILED:
            return "failed"
        case JobStatus.ERASED:
            raise JobNotFoundError.of(job.id)
