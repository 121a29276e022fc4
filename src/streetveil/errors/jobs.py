"""Jobs that are not there, or not in a state for what is asked."""

from __future__ import annotations

from typing import Self

from streetveil.errors.kinds import ConflictError, NotFoundError, UnavailableError


class JobNotFoundError(NotFoundError):
    """No job has this id: it never existed or was erased."""

    code = "job_not_found"

    @classmethod
    def of(cls, job_id: str) -> Self:
        """For whatever a caller gave as the id."""
        return cls(f"There is no job {job_id[:40]!r}.")


class BatchNotFoundError(NotFoundError):
    """No batch has this id."""

    code = "batch_not_found"


class OriginalExpiredError(NotFoundError):
    """The job's original was removed when its time of retention was over."""

    code = "original_expired"


class IdempotencyConflictError(ConflictError):
    """An `Idempotency-Key` was used again with another file or other options."""

    code = "idempotency_conflict"


class IllegalTransitionError(ConflictError):
    """The job is not in a state from which this can be done (retry of a job that did not fail, say)."""

    code = "illegal_transition"


class QuarantinedError(ConflictError):
    """The job's photo ended the processes that worked on it, so it is not tried again just because somebody asks."""

    code = "quarantined"


class ResultNotReadyError(ConflictError):
    """The job has no result yet, or failed and never will have one."""

    code = "result_not_ready"


class HeldBackError(ConflictError):
    """The job has a result in which something was still found: a person must look before it is handed out."""

    code = "needs_review"


class WorkerLostError(UnavailableError):
    """The worker stopped, without a word, while it worked on the job."""

    code = "worker_lost"
