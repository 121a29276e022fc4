"""Rows become jobs, jobs and results become rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from streetveil.domain.detections import Label
from streetveil.domain.job import Job, JobFailure, JobResult, JobStatus
from streetveil.domain.options import JobOptions

_MAX_DETAIL_LENGTH = 2000
_MAX_WORKER_ID_LENGTH = 128


def job_of(row: Row[Any]) -> Job:
    """The job a row is about."""
    return Job(
        id=row.id,
        status=JobStatus(row.status),
        filename=row.filename,
        file_size=row.file_size,
        width=row.width,
        height=row.height,
        media_type=row.media_type,
        content_sha256=row.content_sha256,
        original_key=row.original_key,
        options=JobOptions.parse(row.options),
        created_at=row.created_at,
        updated_at=row.updated_at,
        submitted_at=row.submitted_at,
        tenant=row.tenant,
        started_at=row.started_at,
        finished_at=row.finished_at,
        due_at=row.due_at,
        attempts=row.attempts,
        claims=row.claims,
        worker_id=row.worker_id,
        batch_id=row.batch_id,
        idempotency_key=row.idempotency_key,
        request_id=row.request_id,
        result=None if row.status == JobStatus.NEEDS_REVIEW else _result_of(row),
        held=_result_of(row) if row.status == JobStatus.NEEDS_REVIEW else None,
        original_deleted_at=row.original_deleted_at,
        failure=JobFailure(row.error_code, row.error_detail or "") if row.error_code else None,
    )


def new_row(job: Job, fingerprint: str | None) -> dict[str, Any]:
    """The columns of a job that was just submitted."""
    return {
        "id": job.id,
        "tenant": job.tenant,
        "batch_id": job.batch_id,
        "idempotency_key": job.idempotency_key,
        "request_fingerprint": fingerprint,
        "request_id": job.request_id,
        "status": job.status.value,
        "attempts": job.attempts,
        "claims": job.claims,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "submitted_at": job.submitted_at,
        "due_at": job.due_at,
        "filename": job.filename,
        "file_size": job.file_size,
        "width": job.width,
        "height": job.height,
        "media_type": job.media_type,
        "content_sha256": job.content_sha256,
        "options": job.options.as_dict(),
        "original_key": job.original_key,
    }


def result_columns(result: JobResult) -> dict[str, Any]:
    """The columns of a result that is handed out, with what queries ask about taken out of its metadata."""
    blur, detection = result.blur_metadata, result.detection_metadata
    faces = _scores(blur.get("regions", ()), Label.FACE)
    plates = _scores(blur.get("regions", ()), Label.LICENSE_PLATE)
    vehicles = _scores(detection.get("vehicles", ()))
    return held_columns(result) | {
        "is_vehicle_detected": bool(detection.get("is_vehicle_detected")),
        "is_face_detected": bool(detection.get("is_face_detected")),
        "is_face_blurred": bool(blur.get("faces_blurred")),
        "is_plate_blurred": bool(blur.get("plates_blurred")),
        "faces": len(faces),
        "plates": len(plates),
        "vehicles": len(vehicles),
        "face_confidence_sum": sum(faces),
        "plate_confidence_sum": sum(plates),
        "vehicle_confidence_sum": sum(vehicles),
    }


def held_columns(result: JobResult) -> dict[str, Any]:
    """The columns of a result that waits for a person's word: no filter and no figure knows of it yet."""
    blur, detection = result.blur_metadata, result.detection_metadata
    return {
        "processed_key": result.processed_key,
        "metadata_key": result.metadata_key,
        "processing_time": result.processing_time,
        "blur_metadata": dict(blur),
        "detection_metadata": dict(detection),
        "models": [model for model in (*blur.get("models", ()), detection.get("model")) if model],
        "crops_expires_at": result.crops_expires_at,
    }


def failure_columns(failure: JobFailure | None) -> dict[str, Any]:
    """The columns of a failure; None clears them."""
    return {
        "error_code": failure.code if failure else None,
        "error_detail": failure.detail[:_MAX_DETAIL_LENGTH] if failure else None,
    }


def worker_column(worker_id: str) -> str:
    """A worker's name as the column holds it."""
    return worker_id[:_MAX_WORKER_ID_LENGTH]


# The columns of a result where there is none.
NO_RESULT: Mapping[str, Any] = {
    "processed_key": None,
    "metadata_key": None,
    "processing_time": None,
    "blur_metadata": None,
    "detection_metadata": None,
    "models": None,
    "crops_expires_at": None,
    "is_vehicle_detected": None,
    "is_face_detected": None,
    "is_face_blurred": None,
    "is_plate_blurred": None,
    "faces": None,
    "plates": None,
    "vehicles": None,
    "face_confidence_sum": None,
    "plate_confidence_sum": None,
    "vehicle_confidence_sum": None,
}

# What a row keeps of an erased photo: nothing but the names of objects, which are made of its id.
ERASED_COLUMNS: Mapping[str, Any] = {
    "idempotency_key": None,
    "request_fingerprint": None,
    "request_id": None,
    "error_code": None,
    "error_detail": None,
    "filename": "",
    "file_size": 0,
    "width": 0,
    "height": 0,
    "media_type": "",
    "content_sha256": "",
    "options": {},
    **NO_RESULT,
}


def _result_of(row: Row[Any]) -> JobResult | None:
    if row.processed_key is None:
        return None
    return JobResult(
        processed_key=row.processed_key,
        metadata_key=row.metadata_key or "",
        processing_time=row.processing_time or 0.0,
        blur_metadata=row.blur_metadata or {},
        detection_metadata=row.detection_metadata or {},
        crops_expires_at=row.crops_expires_at,
    )


def _scores(found: Any, label: Label | None = None) -> list[float]:  # noqa: ANN401 - out of a JSON document
    return [float(item["confidence"]) for item in found if label is None or item["class"] == label]
