"""A job: one photo on its way from upload to result, and the states it may be in."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from streetveil.domain.options import JobOptions


class JobStatus(StrEnum):
    """Where a job stands. `erased` is a tombstone: nothing of the photo is left, callers see a 404."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    ERASED = "erased"


# Each state with those it may be reached from. Every UPDATE of a status names these in its WHERE
# clause, so two processes can never both make the same step.
TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    # back from processing: the worker was lost or a retryable error struck; from failed: a person asked
    JobStatus.SUBMITTED: frozenset({JobStatus.PROCESSING, JobStatus.FAILED}),
    JobStatus.PROCESSING: frozenset({JobStatus.SUBMITTED}),
    JobStatus.COMPLETED: frozenset({JobStatus.PROCESSING}),
    JobStatus.FAILED: frozenset({JobStatus.SUBMITTED, JobStatus.PROCESSING}),
    JobStatus.ERASED: frozenset({JobStatus.SUBMITTED, JobStatus.PROCESSING, JobStatus.COMPLETED, JobStatus.FAILED}),
}


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job failed: the error's stable code and its sentence."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class JobResult:
    """What processing one photo yielded; the two metadata mappings are those of the HTTP contract.

    Attributes:
        processing_time: seconds from the worker's claim to the stored result.
    """

    processed_key: str
    metadata_key: str
    processing_time: float
    blur_metadata: Mapping[str, Any]
    detection_metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One row of `processed_images`, as the use cases see it. Times are aware and in UTC."""

    id: str
    status: JobStatus
    filename: str
    file_size: int
    media_type: str
    content_sha256: str
    original_key: str
    options: JobOptions
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int = 0
    worker_id: str | None = None
    batch_id: str | None = None
    idempotency_key: str | None = None
    result: JobResult | None = None
    failure: JobFailure | None = None


def new_id() -> str:
    """A UUIDv7 (RFC 9562): sorts by creation time, so keyset pagination needs no second column."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | (0x7 << 76) | (0b10 << 62)
    random_bits = int.from_bytes(os.urandom(10))
    value |= (random_bits >> 62 & 0xFFF) << 64 | random_bits & ((1 << 62) - 1)
    return str(UUID(int=value))
