"""A person asks for a job that failed, or whose result needs review, to be done again."""

from __future__ import annotations

from functools import partial

import structlog

from streetveil.database.base import Database, UnitOfWork
from streetveil.domain.audit import SERVICE, Actor, AuditAction
from streetveil.domain.job import Clock, Job, JobStatus, utc_now
from streetveil.errors import IllegalTransitionError, JobNotFoundError, QuarantinedError
from streetveil.jobs.audit import recorded
from streetveil.jobs.quarantine import is_quarantined
from streetveil.queue.base import JobQueue

_log = structlog.get_logger(__name__)


class Retry:
    """Queues such jobs again, with as many attempts as a new one has.

    A result that was held back belongs to no job from then on, and goes when `jobs/maintain` looks for orphans.
    """

    def __init__(self, *, database: Database, queue: JobQueue, clock: Clock = utc_now) -> None:
        self._database = database
        self._queue = queue
        self._clock = clock

    def __call__(self, job_id: str, *, tenant: str, force: bool = False, by: Actor = SERVICE) -> Job:
        """The job, submitted again; with `force` also one whose photo is in quarantine.

        Raises:
            JobNotFoundError: the tenant has no such job.
            QuarantinedError: its photo ended the processes that worked on it.
            IllegalTransitionError: it neither failed nor needs review, or its original is no longer kept.
        """
        event = by.did(AuditAction.RETRY, at=self._clock(), job_id=job_id, tenant=tenant, forced=force)

        def resubmit(transaction: UnitOfWork) -> tuple[bool, Job | None]:
            before = transaction.jobs.get(job_id, tenant=tenant)
            if before is not None and is_quarantined(before) and not force:
                raise QuarantinedError(
                    f"Job {job_id} is not retried: its photo ended the processes that worked on it. An operator can "
                    "insist by `streetveil jobs retry --force`."
                )
            moved, job = recorded(transaction, job_id, transaction.jobs.resubmit, event)
            if moved:
                transaction.after_commit(partial(self._queue.put, job_id))
            return moved, job

        moved, job = self._database.transact(resubmit)
        if job is None or job.status is JobStatus.ERASED:
            raise JobNotFoundError.of(job_id)
        if not moved and job.original_deleted_at and job.status in (JobStatus.FAILED, JobStatus.NEEDS_REVIEW):
            raise IllegalTransitionError(
                f"Job {job_id} cannot be retried: its original was removed, its time of retention over."
            )
        if not moved:
            raise IllegalTransitionError(
                f"Job {job_id} is {job.status}; only one that failed or needs review can be retried."
            )
        _log.debug("job_resubmitted", job_id=job_id)
        return job
