"""A person asks for a photo to be forgotten: first the row loses what it knows, then the objects go."""

from __future__ import annotations

import structlog

from streetveil.database.base import Database, UnitOfWork
from streetveil.domain.job import Clock, Job, JobStatus, utc_now
from streetveil.errors import JobNotFoundError
from streetveil.storage.base import ObjectStore
from streetveil.storage.keys import extension_of, metadata_key, processed_key

_log = structlog.get_logger(__name__)


class Erase:
    """Erases jobs. What remains is a tombstone: an id, times and numbers that say nothing of the photo."""

    def __init__(self, *, database: Database, storage: ObjectStore, clock: Clock = utc_now) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock

    def __call__(self, job_id: str, *, tenant: str) -> None:
        """Erases the job in whatever state it is; a worker that is at it loses its claim.

        Where storage is down the row is erased all the same, and the objects go when this is asked again
        or when `jobs/maintain` comes by.

        Raises:
            JobNotFoundError: the tenant has no such job, or it is erased already.
            StorageUnavailableError: the objects could not be removed yet.
        """

        def erase(transaction: UnitOfWork) -> tuple[bool, Job | None]:
            if transaction.jobs.get(job_id, tenant=tenant) is None:
                return False, None
            return transaction.jobs.erase(job_id, now=self._clock()), transaction.jobs.get(job_id)

        erased, job = self._database.transact(erase)
        if job is None or not (erased or is_unpurged(job)):
            raise JobNotFoundError(f"There is no job {job_id[:40]}.")
        self.purge(job)
        _log.info("job_erased", job_id=job_id)

    def purge(self, *jobs: Job) -> None:
        """Removes erased jobs' objects and notes that they are gone; safe to run twice.

        Raises:
            StorageUnavailableError: they could not be removed.
        """
        self._storage.delete([key for job in jobs for key in object_keys(job)])

        def note(transaction: UnitOfWork) -> None:
            for job in jobs:
                transaction.jobs.purged(job.id)

        self._database.transact(note)


def is_unpurged(job: Job) -> bool:
    """Whether an erased job's objects may still be there."""
    return job.status is JobStatus.ERASED and job.due_at is not None


def object_keys(job: Job) -> list[str]:
    """Every key under which an object of the job can be: its original and what each claim may have written."""
    extension = extension_of(job.original_key)
    keys = [job.original_key]
    for claim in range(1, job.claims + 1):
        keys += [processed_key(job.tenant, job.id, claim, extension), metadata_key(job.tenant, job.id, claim)]
    return keys
