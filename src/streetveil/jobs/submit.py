"""A photo comes in: its bytes are stored, a row is committed, and only then is its id queued."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import structlog

from streetveil.crops.base import NoVault, Vault
from streetveil.database.base import BatchRow, Database, UnitOfWork
from streetveil.domain.audit import SERVICE, Actor, AuditAction, AuditEvent
from streetveil.domain.job import Clock, Job, JobStatus, display_name, new_id, utc_now
from streetveil.domain.options import JobOptions
from streetveil.errors import (
    DatabaseUnavailableError,
    IdempotencyConflictError,
    MalformedRequestError,
    OutcomeUnknownError,
    OverloadedError,
    StreetveilError,
)
from streetveil.imaging.picture import ImageHeader
from streetveil.jobs.observer import JobObserver, Unobserved
from streetveil.observability.carried import carried
from streetveil.queue.base import JobQueue
from streetveil.storage.base import ObjectStore
from streetveil.storage.keys import original_key

_log = structlog.get_logger(__name__)

# Visible ASCII: compares the same in every database, whatever it thinks of case and trailing spaces.
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file whose header has been checked.

    Attributes:
        filename: as the client sent it, not yet made harmless.
        content: seekable, at its start.
        size: bytes.
        sha256: of the content, in hexadecimal.
    """

    filename: str
    content: BinaryIO
    size: int
    sha256: str
    header: ImageHeader


class Submit:
    """Accepts photos. A job that was returned is never lost: its row and original are durable."""

    def __init__(
        self,
        *,
        database: Database,
        storage: ObjectStore,
        queue: JobQueue,
        max_queue_size: int,
        retry_after_s: int = 5,
        observer: JobObserver | None = None,
        vault: Vault | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._storage = storage
        self._queue = queue
        self._max_queue_size = max_queue_size
        self._retry_after_s = retry_after_s
        self._observer = observer or Unobserved()
        self._vault = vault or NoVault()
        self._clock = clock

    def ensure_capacity(self, tenant: str, idempotency_key: str | None = None) -> None:
        """Returns where the queue has room; to be asked before an upload's body is read.

        Uploads that are under way are not counted, so the queue may grow a little past its maximum. A request that
        repeats an accepted one needs no room: `idempotency_key` is what it may be known by.

        Raises:
            OverloadedError: it has none; says when to come back.
            QueueUnavailableError: the queue cannot be asked.
            DatabaseUnavailableError: the queue is full, and the database cannot be asked for the key.
        """
        depth = self._queue.depth()
        if depth >= self._max_queue_size and not (idempotency_key and self._is_known(idempotency_key, tenant)):
            raise OverloadedError(
                f"{depth} photos are waiting, which is as many as this service takes. Try again later.",
                retry_after_s=self._retry_after_s,
            )

    def new_batch(self, *, tenant: str) -> str:
        """The id of a new, empty batch of the tenant.

        Raises:
            DatabaseUnavailableError: it could not be recorded.
        """
        now = self._clock()
        batch = BatchRow(new_id(now), now, tenant)
        self._database.transact(lambda transaction: transaction.batches.add(batch))
        return batch.id

    def __call__(
        self,
        upload: Upload,
        options: JobOptions,
        *,
        tenant: str,
        idempotency_key: str | None = None,
        batch_id: str | None = None,
        webhook_url: str | None = None,
        by: Actor = SERVICE,
    ) -> Job:
        """Stores the photo and queues it; its ends are told at `webhook_url`, which `Notify.check` has seen.

        With an `idempotency_key` that the tenant used before for the same content and options, the job made then is
        returned, as it now is, and nothing else happens.

        Raises:
            OverloadedError: the queue is full.
            InvalidOptionError, CropsKeyMissingError: it shall be `reversible`, and cannot be.
            IdempotencyConflictError: the key was used for another content or other options.
            MalformedRequestError: the key is empty, over 200 characters or not of visible ASCII.
            UnavailableError: storage, database or queue cannot be used; nothing was accepted.
        """
        job, is_new = self._accepted(upload, options, tenant, idempotency_key, batch_id, webhook_url, by)
        self._observer.uploaded("accepted" if is_new else "repeated")
        return job

    def _accepted(
        self,
        upload: Upload,
        options: JobOptions,
        tenant: str,
        idempotency_key: str | None,
        batch_id: str | None,
        webhook_url: str | None,
        by: Actor,
    ) -> tuple[Job, bool]:
        """The photo's job, and whether it is a new one."""
        if idempotency_key is not None and not _IDEMPOTENCY_KEY.fullmatch(idempotency_key):
            raise MalformedRequestError("Idempotency-Key must be 1 to 200 visible ASCII characters.")
        fingerprint = _fingerprint(upload.sha256, options)
        if idempotency_key and (existing := self._existing(idempotency_key, tenant, fingerprint)):
            return existing, False
        if options.reversible:
            self._vault.ensure_key(tenant)
        self.ensure_capacity(tenant)
        job = self._new_job(upload, options, tenant=tenant, idempotency_key=idempotency_key, batch_id=batch_id)
        self._storage.put(job.original_key, upload.content, content_type=job.media_type)
        try:
            submitted = by.did(AuditAction.SUBMIT, at=job.created_at, job_id=job.id, tenant=tenant)
            accepted = self._record(job, fingerprint, webhook_url, submitted)
        except OutcomeUnknownError:
            # Where the row is not to be seen it may still come: the original stays until `jobs/maintain` knows.
            accepted = self._recorded(job)
            if not accepted:
                raise
            self._queue_again(job)
        except BaseException:
            self._discard(job)
            raise
        if accepted:
            _log.debug("job_submitted", job_id=job.id, batch_id=batch_id, file_size=job.file_size)
            return job, True
        # A request with the same key was recorded between our look and our insert.
        self._discard(job)
        if idempotency_key and (existing := self._existing(idempotency_key, tenant, fingerprint)):
            return existing, False
        raise DatabaseUnavailableError("The same Idempotency-Key is in use by another request. Try again.")

    def _new_job(
        self, upload: Upload, options: JobOptions, *, tenant: str, idempotency_key: str | None, batch_id: str | None
    ) -> Job:
        now = self._clock()
        job_id = new_id(now)
        return Job(
            id=job_id,
            tenant=tenant,
            status=JobStatus.SUBMITTED,
            filename=display_name(upload.filename),
            file_size=upload.size,
            width=upload.header.upright.width,
            height=upload.header.upright.height,
            media_type=upload.header.format.media_type,
            content_sha256=upload.sha256,
            original_key=original_key(tenant, job_id, upload.header.format.extension),
            options=options,
            created_at=now,
            updated_at=now,
            submitted_at=now,
            due_at=now,
            batch_id=batch_id,
            idempotency_key=idempotency_key,
            request_id=carried().get("request_id"),
        )

    def _record(self, job: Job, fingerprint: str, webhook_url: str | None, submitted: AuditEvent) -> bool:
        def insert(transaction: UnitOfWork) -> bool:
            if not transaction.jobs.add(job, fingerprint=fingerprint):
                return False
            if webhook_url is not None:
                transaction.webhooks.add(job, webhook_url)
            transaction.audit.add(submitted)
            transaction.after_commit(partial(self._queue.put, job.id))
            return True

        return self._database.transact(insert)

    def _recorded(self, job: Job) -> bool:
        with self._database.snapshot() as snapshot:
            return snapshot.jobs.get(job.id) is not None

    def _queue_again(self, job: Job) -> None:
        try:
            self._queue.put(job.id)
        except StreetveilError as error:
            _log.warning("queueing_left_to_maintain", job_id=job.id, code=error.code)

    def _is_known(self, key: str, tenant: str) -> bool:
        with self._database.snapshot() as snapshot:
            return snapshot.jobs.by_idempotency_key(key, tenant=tenant) is not None

    def _existing(self, key: str, tenant: str, fingerprint: str) -> Job | None:
        with self._database.snapshot() as snapshot:
            found = snapshot.jobs.by_idempotency_key(key, tenant=tenant)
        if found is None:
            return None
        job, made_for = found
        if made_for != fingerprint:
            raise IdempotencyConflictError("This Idempotency-Key was used for another file or other options.")
        return job

    def _discard(self, job: Job) -> None:
        """Removes the original of a job that was not recorded.

        The row is looked for all the same, before anything is removed; where even that fails, the object stays
        until `jobs/maintain` knows.
        """
        try:
            if not self._recorded(job):
                self._storage.delete([job.original_key])
        except StreetveilError as error:
            _log.warning("original_left_behind", job_id=job.id, code=error.code)


def _fingerprint(sha256: str, options: JobOptions) -> str:
    """What makes two requests the same: content and options. The name of the file changes no result."""
    text = json.dumps([sha256, options.as_dict()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
