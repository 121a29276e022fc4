"""The JSON bodies of the contract (docs/api.md). They are built from domain objects and hold no logic."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from streetveil.domain.job import Job, JobResult, JobStatus
from streetveil.domain.reports import Batch, JobPage
from streetveil.domain.webhooks import WebhookReport, WebhookStatus
from streetveil.errors import JobNotFoundError

PublicStatus = Literal["submitted", "processing", "completed", "needs_review", "failed"]

BoxPixels = Annotated[
    tuple[float, float, float, float],
    Field(description="x1, y1, x2, y2 in pixels of the upright picture", examples=[[412.0, 180.5, 455.0, 236.0]]),
]


class Schema(BaseModel):
    """Base of all bodies: what they hold is what is documented."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(Schema):
    """An RFC 9457 problem document."""

    type: str = Field(examples=["urn:streetveil:error:job_not_found"])
    title: str = Field(examples=["Job not found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="One sentence for a person.")
    code: str = Field(description="Stable; docs/errors.md lists them all.", examples=["job_not_found"])
    retryable: bool = Field(description="Whether the same request may succeed later.")
    request_id: str = Field(description="Also in the header X-Request-ID and in the service's log.")
    errors: list[InvalidParameter] = Field(default=[], description="Each parameter that was refused.")


class InvalidParameter(Schema):
    """One parameter that was refused."""

    location: str = Field(examples=["query.limit"])
    message: str


class FileProblem(Schema):
    """Why one file of a batch was refused."""

    code: str = Field(examples=["unsupported_format"])
    detail: str


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


class ModelInfo(BaseModel):
    """The model that found the objects."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    name: str
    version: str
    sha256: str


class Region(BaseModel):
    """An area that was made unrecognisable."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    label: Literal["face", "license_plate"] = Field(alias="class")
    box: BoxPixels
    confidence: float = Field(ge=0, le=1)
    style: str


class Vehicle(BaseModel):
    """A vehicle; it is reported, not redacted."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    label: Literal["car", "motorcycle", "bus", "truck"] = Field(alias="class")
    box: BoxPixels
    confidence: float = Field(ge=0, le=1)


class BlurMetadata(BaseModel):
    """What was redacted."""

    model_config = ConfigDict(extra="allow")

    regions: list[Region]
    faces_blurred: int
    plates_blurred: int
    lossless: bool = Field(description="Every pixel outside the regions decodes exactly as in the original.")
    model: ModelInfo | None = Field(description="null where nothing was looked for")
    verification: Verification | None = Field(None, description="Only there where the service looks at results again.")


class Verification(BaseModel):
    """What was still found when the result was looked at again."""

    model_config = ConfigDict(extra="allow")

    rounds: int = Field(description="How often areas were redacted once more.")
    found: list[VerificationFinding] = Field(description="In results on the way to this one.")
    passed: bool = Field(description="Nothing was found in this one.")


class VerificationFinding(BaseModel):
    """A face or plate that was found in a result."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    round: int = Field(description="In the result after so many further rounds.")
    label: Literal["face", "license_plate"] = Field(alias="class")
    box: BoxPixels
    confidence: float = Field(ge=0, le=1)
    again: bool = Field(description="It lies where one was redacted; else it is new.")


class RegionList(Schema):
    """What was redacted in one photo."""

    job_id: str
    filename: str
    width: int = Field(description="of the upright picture, in pixels; so is the height")
    height: int
    regions: list[Region] = Field(description="In the order in which the instance mask numbers them, from 1.")

    @classmethod
    def of(cls, job: Job, result: JobResult) -> Self:
        regions = [Region.model_validate(item) for item in result.blur_metadata["regions"]]
        return cls(job_id=job.id, filename=job.filename, width=job.width, height=job.height, regions=regions)


class DetectionMetadata(BaseModel):
    """What was seen."""

    model_config = ConfigDict(extra="allow")

    vehicles: list[Vehicle]
    is_vehicle_detected: bool
    is_face_detected: bool
    is_face_blurred: bool
    is_plate_blurred: bool
    model: ModelInfo | None


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
            raise JobNotFoundError(f"There is no job {job.id}.")
