"""A person has looked at a result that was held back, and lets it out."""

from __future__ import annotations

import structlog

from streetveil.database.base import Database
from streetveil.domain.audit import SERVICE, Actor, AuditAction
from streetveil.domain.job import Clock, Job, JobStatus, utc_now
from streetveil.errors import IllegalTransitionError, JobNotFoundError
from streetveil.jobs.audit import recorded

_log = structlog.get_logger(__name__)


class Release:
    """Completes jobs that need review, with the result as it is."""

    def __init__(self, *, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def __call__(self, job_id: str, *, tenant: str, by: Actor = SERVICE) -> Job:
        """The job, completed; `by` is who has looked.

        Raises:
            JobNotFoundError: the tenant has no such job.
            IllegalTransitionError: it does not need review.
        """
        event = by.did(AuditAction.RELEASE, at=self._clock(), job_id=job_id, tenant=tenant)
        released, job = self._database.transact(lambda work: recorded(work, job_id, work.jobs.release, event))
        if job is None or job.status is JobStatus.ERASED:
            raise JobNotFoundError.of(job_id)
        if not released:
            raise IllegalTransitionError(f"Job {job_id} is {job.status}; only one that needs review can be released.")
        _log.debug("job_released", job_id=job_id)
        return job
