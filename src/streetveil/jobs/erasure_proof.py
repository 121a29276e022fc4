"""That a job was erased: what the audit log says of it, and what a new look at database and storage finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from streetveil.database.base import Database
from streetveil.domain.audit import AuditAction, AuditEvent, AuditRecord, AuditSeal
from streetveil.domain.job import Job, JobStatus
from streetveil.domain.options import JobOptions
from streetveil.errors import JobNotFoundError
from streetveil.jobs.erase import evidence, object_keys, still_there
from streetveil.storage.base import ObjectStore

_RECORDS = 1000


@dataclass(frozen=True, slots=True)
class ErasureProof:
    """What was found.

    Attributes:
        problems: why it is not proven; none where it is.
        erased_at: when nothing was left.
        objects: keys of objects that were looked for, all in vain where there are no problems.
        records: the job's in the audit log, oldest first.
        waiting: the job's events that are not sealed yet.
    """

    job_id: str
    problems: tuple[str, ...]
    erased_at: datetime | None
    objects: tuple[str, ...]
    records: tuple[AuditRecord, ...]
    waiting: tuple[AuditEvent, ...]


class ProveErasure:
    """Looks whether anything is left of a job. Changes nothing."""

    def __init__(self, *, database: Database, storage: ObjectStore, seal: AuditSeal) -> None:
        self._database = database
        self._storage = storage
        self._seal = seal

    def __call__(self, job_id: str) -> ErasureProof:
        """The proof, or what it lacks.

        Raises:
            JobNotFoundError: there never was such a job, as far as is known.
            UnavailableError: database or storage cannot be asked.
        """
        with self._database.snapshot() as snapshot:
            job = snapshot.jobs.get(job_id)
            records = tuple(reversed(snapshot.audit.newest(_RECORDS, job_id=job_id)))
            waiting = tuple(snapshot.audit.waiting_of(job_id))
        if job is None:
            raise JobNotFoundError.of(job_id)
        keys = object_keys(job)
        erased = [record for record in records if record.event.action == AuditAction.ERASED]
        problems = [
            *_left_in(job),
            *self._untold(records, erased, keys),
            *(f"there is an object {key}" for key in still_there(self._storage, keys)),
        ]
        at = erased[-1].event.at if erased else None
        return ErasureProof(job_id, tuple(problems), at, tuple(keys), records, waiting)

    def _untold(self, records: Iterable[AuditRecord], erased: list[AuditRecord], keys: list[str]) -> Iterator[str]:
        if not erased:
            yield "no sealed record tells that it was erased"
        elif erased[-1].event.details != evidence(keys):
            yield f"record {erased[-1].number} tells of other objects than the job had"
        for record in records:
            if not self._seal.holds(record):
                yield f"record {record.number} was changed after it was sealed"


def _left_in(job: Job) -> Iterator[str]:
    """What the row still tells of the photo."""
    if job.status is not JobStatus.ERASED:
        yield f"the job is {job.status}"
    elif job.due_at is not None:
        yield "its objects are not known to be removed yet"
    blank = {
        "filename": "",
        "file_size": 0,
        "width": 0,
        "height": 0,
        "media_type": "",
        "content_sha256": "",
        "options": JobOptions(),
        "idempotency_key": None,
        "result": None,
        "held": None,
        "failure": None,
    }
    yield from (f"the row has a {name}" for name, nothing in blank.items() if getattr(job, name) != nothing)
