"""A job: one photo on its way from upload to result, and the states it may be in."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.options import JobOptions

Clock = Callable[[], datetime]
"""Tells the time, aware and in UTC; handed to whatever needs it, so that tests can turn it."""

MAX_FILENAME_LENGTH = 255


class JobStatus(StrEnum):
    """Where a job stands.

    `needs_review`: there is a result, but something was still found in it, and a person has to look before it is
    handed out. `erased` is a tombstone: nothing of the photo is left, callers see a 404.
    """

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    COMPLETED = "completed"
    NEEDS_REVIEW = "needs_review"
    FAILED = "failed"
    ERASED = "erased"


# Each state with those it may be reached from. Every UPDATE of a status names these in its WHERE
# clause, so two processes can never both make the same step.
TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    # back from processing: the worker was lost or a retryable error struck; from the other two: a person asked
    JobStatus.SUBMITTED: frozenset({JobStatus.PROCESSING, JobStatus.FAILED, JobStatus.NEEDS_REVIEW}),
    JobStatus.PROCESSING: frozenset({JobStatus.SUBMITTED}),
    # from review: a person looked at the result and released it
    JobStatus.COMPLETED: frozenset({JobStatus.PROCESSING, JobStatus.NEEDS_REVIEW}),
    JobStatus.NEEDS_REVIEW: frozenset({JobStatus.PROCESSING}),
    JobStatus.FAILED: frozenset({JobStatus.SUBMITTED, JobStatus.PROCESSING}),
    JobStatus.ERASED: frozenset(JobStatus) - {JobStatus.ERASED},
}


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job failed, or why its last attempt did: the error's stable code and its sentence."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class JobResult:
    """What processing one photo yielded; the two metadata mappings are those of the HTTP contract.

    Attributes:
        processing_time: seconds from the worker's claim to the stored result.
        crops_expires_at: until when what was made unrecognisable is kept, sealed; None where it is not kept.
    """

    processed_key: str
    metadata_key: str
    processing_time: float
    blur_metadata: Mapping[str, Any]
    detection_metadata: Mapping[str, Any]
    crops_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One row of `processed_images`, as the use cases see it. Times are aware and in UTC.

    Attributes:
        tenant: whose photo it is; never changes.
        width, height: pixels as a viewer shows the picture.
        submitted_at: when it was last asked for: uploaded, or retried by a person.
        due_at: while submitted, when it may be worked on; while processing, when the worker is taken
            for lost; while erased, set until its objects are gone too; None in the other states.
        attempts: how often a worker has begun on it since `submitted_at`.
        original_deleted_at: when the upload was removed, its time of retention over; None while it is kept.
        claims: how often a worker has begun on it at all. Never goes back: what a worker does later is
            valid only while this is still the number of its own claim.
        request_id: of the request that uploaded it, as log lines have it.
        result: that of a completed job: what may be handed out.
        held: a result that needs review. It is no `result`, so that nothing hands it out by mistake.
    """

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
    submitted_at: datetime
    tenant: str = DEFAULT_TENANT
    width: int = 0
    height: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    due_at: datetime | None = None
    original_deleted_at: datetime | None = None
    attempts: int = 0
    claims: int = 0
    worker_id: str | None = None
    batch_id: str | None = None
    idempotency_key: str | None = None
    request_id: str | None = None
    result: JobResult | None = None
    held: JobResult | None = None
    failure: JobFailure | None = None


def utc_now() -> datetime:
    """The present, aware and in UTC."""
    return datetime.now(UTC)


def new_id(at: datetime | None = None) -> str:
    """A UUIDv7 (RFC 9562) of the moment `at`, by default now.

    It sorts by creation time, so keyset pagination needs no second column.
    """
    random_bits = int.from_bytes(os.urandom(10))
    return _uuid7(at or utc_now(), random_bits >> 62 & 0xFFF, random_bits & ((1 << 62) - 1))


def first_id(at: datetime) -> str:
    """The smallest id that `new_id` can give in the millisecond of `at`: turns times into ranges of ids."""
    return _uuid7(at, 0, 0)


def _uuid7(at: datetime, high: int, low: int) -> str:
    milliseconds = max(0, (at - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1))
    value = (milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low
    return str(UUID(int=value))


def display_name(name: str) -> str:
    """A file name as a client sent it, made harmless: the last part of a path, 255 characters at most.

    Control, formatting and unassigned characters are dropped (they can fake what a name looks like);
    a name that is too long loses its middle part, not its extension. Names nothing in storage.
    """
    last = name[-100_000:].replace("\\", "/").rstrip("/").rpartition("/")[2]
    clean = "".join(char for char in last if not unicodedata.category(char).startswith("C")).strip()
    if not clean.strip("."):
        return "unnamed"
    if len(clean) > MAX_FILENAME_LENGTH:
        suffix = PurePosixPath(clean).suffix
        suffix = suffix if len(suffix) <= 16 else ""
        clean = clean[: MAX_FILENAME_LENGTH - len(suffix)] + suffix
    return clean
