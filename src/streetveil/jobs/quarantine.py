"""Photos that end the processes working on them: tried twice, then never again unless a person insists."""

from __future__ import annotations

from streetveil.domain.job import Job, JobFailure, JobStatus
from streetveil.errors import DecoderCrashedError, PhotoMemoryError, PhotoTimeoutError

_HARM = frozenset({DecoderCrashedError.code, PhotoTimeoutError.code, PhotoMemoryError.code})


def did_harm(failure: JobFailure | None) -> bool:
    """Whether the photo ended the process that worked on it, or had to be stopped."""
    return failure is not None and failure.code in _HARM


def is_quarantined(job: Job) -> bool:
    """Whether the job failed because its photo did harm."""
    return job.status is JobStatus.FAILED and did_harm(job.failure)
