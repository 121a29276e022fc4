"""A person has looked at a result that was held back, and lets it out."""

from __future__ import annotations

import structlog

from streetveil.database.base import Database, UnitOfWork
from streetveil.domain.audit import SERVICE, Actor, AuditAction
from streetveil.domain.job import Clock, Job, JobStatus, utc_now
from streetveil.errors import IllegalTransitionError, JobNotFoundError

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

        def release(transaction: UnitOfWork) -> tuple[bool, Job | None]:
            if transaction.jobs.get(job_id, tenant=tenant) is None:
                return False, None
            now = self._clock()
            released = transaction.jobs.release(job_id, now=now)
            if released:
                transaction.audit.add(by.did(AuditAction.RELEASE, at=now, job_id=job_id, tenant=tenant))
            return released, transaction.jobs.get(job_id)

        released, job = self._database.transact(release)
        if job is None or job.status is JobStatus.ERASED:
            raise JobNotFoundError(f"There is no job {job_id[:40]}.")
        if not released:
            raise IllegalTransitionError(f"Job {job_id} is {job.status}; only one that needs review can be released.")
        _log.debug("job_released", job_id=job_id)
        return job
