"""What became of uploads, alone and in batches."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import Field

from streetveil.api.schemas.base import Schema
from streetveil.api.schemas.jobs import Counts, JobSummary, PublicStatus, public_status
from streetveil.api.schemas.problems import FileProblem
from streetveil.domain.job import Job
from streetveil.domain.reports import Batch


class SubmittedJob(Schema):
    """A photo that was accepted."""

    job_id: str
    filename: str
    file_size: int = Field(description="bytes")
    status: PublicStatus = Field(description="`submitted`, unless an Idempotency-Key named an earlier upload.")
    message: str = "Image submitted for processing"

    @classmethod
    def of(cls, job: Job) -> Self:
        return cls(job_id=job.id, filename=job.filename, file_size=job.file_size, status=public_status(job))


class RejectedFile(Schema):
    """A photo of a batch that was refused; the others are not affected."""

    filename: str
    error: FileProblem


class SubmittedBatch(Schema):
    """What became of each file of a batch, in the order of the request."""

    batch_id: str
    total_files: int
    accepted: int
    rejected: int
    jobs: list[SubmittedJob | RejectedFile]


class BatchState(Schema):
    """How far a batch is."""

    batch_id: str
    created_at: datetime
    total: int
    counts: Counts
    jobs: list[JobSummary] = Field(description="In the order of upload, at most 1000.")

    @classmethod
    def of(cls, batch: Batch) -> Self:
        return cls(
            batch_id=batch.id,
            created_at=batch.created_at,
            total=batch.total,
            counts=Counts.of(batch.counts),
            jobs=[JobSummary.of(job) for job in batch.jobs],
        )
