"""A person asks for a photo to be forgotten: first the row loses what it knows, then the objects go."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import structlog

from streetveil.database.base import Database, UnitOfWork
from streetveil.domain.audit import SERVICE, Actor, AuditAction
from streetveil.domain.job import Clock, Job, JobStatus, utc_now
from streetveil.errors import JobNotFoundError, ObjectMissingError, StorageUnavailableError
from streetveil.jobs.audit import recorded
from streetveil.storage.base import ObjectStore
from streetveil.storage.keys import crops_key, extension_of, metadata_key, parse_key, processed_key

_log = structlog.get_logger(__name__)


class Erase:
    """Erases jobs. What remains is a tombstone: an id, times and numbers that say nothing of the photo."""

    def __init__(self, *, database: Database, storage: ObjectStore, clock: Clock = utc_now) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock

    def __call__(self, job_id: str, *, tenant: str, by: Actor = SERVICE) -> None:
        """Erases the job in whatever state it is; a worker that is at it loses its claim. `by` is who asked.

        Where storage is down the row is erased all the same, and the objects go when this is asked again
        or when `jobs/maintain` comes by.

        Raises:
            JobNotFoundError: the tenant has no such job, or it is erased already.
            StorageUnavailableError: the objects could not be removed yet.
        """
        event = by.did(AuditAction.ERASE, at=self._clock(), job_id=job_id, tenant=tenant)
        erased, job = self._database.transact(lambda work: recorded(work, job_id, work.jobs.erase, event))
        if job is None or not (erased or is_unpurged(job)):
            raise JobNotFoundError.of(job_id)
        self.purge(job)
        _log.debug("job_erased", job_id=job_id)

    def purge(self, *jobs: Job) -> None:
        """Removes erased jobs' objects, looks whether they are gone, and notes it; safe to run twice.

        Raises:
            StorageUnavailableError: they could not be removed.
        """
        keys = {job.id: object_keys(job) for job in jobs}
        self._storage.delete([key for some in keys.values() for key in some])
        if left := still_there(self._storage, (key for some in keys.values() for key in some)):
            raise StorageUnavailableError(f"Storage still has {len(left)} objects that it was told to remove.")

        def note(transaction: UnitOfWork) -> None:
            now = self._clock()
            for job in jobs:
                if transaction.jobs.purged(job.id):
                    done = SERVICE.did(
                        AuditAction.ERASED, at=now, job_id=job.id, tenant=job.tenant, **evidence(keys[job.id])
                    )
                    transaction.audit.add(done)

        self._database.transact(note)
        if jobs and not self._database.forget_erased():
            _log.info("database_log_not_emptied")


def is_unpurged(job: Job) -> bool:
    """Whether an erased job's objects may still be there."""
    return job.status is JobStatus.ERASED and job.due_at is not None


def object_keys(job: Job) -> list[str]:
    """Every key under which an object of the job can be: its original and what each claim may have written."""
    extension = extension_of(job.original_key)
    keys = [job.original_key]
    for claim in range(1, job.claims + 1):
        keys += [
            processed_key(job.tenant, job.id, claim, extension),
            metadata_key(job.tenant, job.id, claim),
            crops_key(job.tenant, job.id, claim),
        ]
    return keys


def evidence(keys: Iterable[str]) -> dict[str, Any]:
    """What an ERASED event tells of the objects that are no longer there: how many of each kind, and which.

    The keys themselves name nothing but the job; their hash is short however many there were.
    """
    names = sorted(keys)
    kinds = Counter(name.kind for key in names if (name := parse_key(key)) is not None)
    return {"objects": dict(kinds), "keys": hashlib.sha256("\n".join(names).encode()).hexdigest()}


def still_there(storage: ObjectStore, keys: Iterable[str]) -> list[str]:
    """Those of the keys under which there is an object.

    Raises:
        StorageUnavailableError: storage cannot be asked.
    """
    found = []
    for key in keys:
        with suppress(ObjectMissingError):
            storage.stream(key)
            found.append(key)
    return found
