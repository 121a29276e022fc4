"""Questions about jobs: one, a batch, a page, the figures over all; and the images themselves."""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePosixPath
from typing import Literal

from streetveil.crops.base import CropsOf, NoVault, Vault
from streetveil.database.base import Database
from streetveil.domain.job import Clock, Job, JobResult, JobStatus, utc_now
from streetveil.domain.reports import (
    MAX_BATCH_JOBS,
    Batch,
    JobFilter,
    JobPage,
    QueueStatus,
    Stats,
    StoredImage,
    Throughput,
)
from streetveil.errors import (
    BatchNotFoundError,
    CropsExpiredError,
    CropsNotFoundError,
    HeldBackError,
    JobNotFoundError,
    OriginalExpiredError,
    ResultNotReadyError,
)
from streetveil.queue.base import JobQueue
from streetveil.storage.base import ObjectStore
from streetveil.storage.keys import crops_key

Variant = Literal["processed", "original", "review"]
"""`review` is the result of a job that needs one, for the eyes of who may release it."""

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_RECENT_JOBS = 10_000


class Inspect:
    """Answers questions; changes nothing. An erased job counts as one that never was, and so does another tenant's."""

    def __init__(
        self,
        *,
        database: Database,
        storage: ObjectStore,
        queue: JobQueue,
        max_queue_size: int,
        presigned_for_s: int = 300,
        vault: Vault | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._storage = storage
        self._queue = queue
        self._max_queue_size = max_queue_size
        self._presigned_for_s = presigned_for_s
        self._vault = vault or NoVault()
        self._clock = clock

    def job(self, job_id: str, *, tenant: str) -> Job:
        """The job of that id.

        Raises:
            JobNotFoundError: there is none, or no longer.
        """
        with self._database.snapshot() as snapshot:
            job = snapshot.jobs.get(job_id, tenant=tenant)
        if job is None or job.status is JobStatus.ERASED:
            raise JobNotFoundError.of(job_id)
        return job

    def batch(self, batch_id: str, *, tenant: str) -> Batch:
        """The batch of that id, with its first `MAX_BATCH_JOBS` jobs.

        Raises:
            BatchNotFoundError: there is none.
        """
        with self._database.snapshot() as snapshot:
            row = snapshot.batches.get(batch_id, tenant=tenant)
            if row is None:
                raise BatchNotFoundError(f"There is no batch {batch_id[:40]}.")
            counts = snapshot.jobs.batch_counts(batch_id)
            jobs = snapshot.jobs.of_batch(batch_id, MAX_BATCH_JOBS)
        return Batch(row.id, row.created_at, counts, tuple(jobs))

    def page(self, wanted: JobFilter, after: str | None = None, limit: int = 50, *, tenant: str) -> JobPage:
        """At most `limit` jobs, newest first; `after` is the `next` of the page before."""
        with self._database.snapshot() as snapshot:
            jobs = snapshot.jobs.page(wanted, tenant=tenant, after=after, limit=limit + 1)
        shown = tuple(jobs[:limit])
        return JobPage(shown, shown[-1].id if len(jobs) > limit else None)

    def stats(self, *, tenant: str | None) -> Stats:
        """How the service does for a tenant; for None, how it does for all together. The workers are everyone's."""
        now = self._clock()
        with self._database.snapshot() as snapshot:
            counts = snapshot.jobs.counts(tenant=tenant, since=now - _HOUR)
            last_minute = snapshot.jobs.completed_since(now - _MINUTE, tenant=tenant)
            recent = snapshot.jobs.recent(now - _HOUR, _RECENT_JOBS, tenant=tenant)
            failures = snapshot.jobs.failures(tenant=tenant, since=now - _HOUR)
        completed, failed = counts[JobStatus.COMPLETED], counts[JobStatus.FAILED]
        return Stats(
            timestamp=now,
            by_status=counts,
            success_rate=completed / (completed + failed) if completed + failed else None,
            throughput=Throughput(last_minute / _MINUTE.total_seconds(), completed / _HOUR.total_seconds()),
            recent=recent,
            failures=failures,
            queue_depth=self._queue.depth() if tenant is None else counts[JobStatus.SUBMITTED],
        )

    def queue_status(self, *, tenant: str | None) -> QueueStatus:
        """How full the queue is; for a tenant, how far its own jobs fill it."""
        now = self._clock()
        with self._database.snapshot() as snapshot:
            oldest = snapshot.jobs.oldest_submission(tenant=tenant)
            waiting = snapshot.jobs.waiting(tenant=tenant)
        depth = self._queue.depth() if tenant is None else waiting
        age = None if oldest is None else max(0.0, (now - oldest).total_seconds())
        return QueueStatus(depth, self._max_queue_size, age, now)

    def last_failed(self, limit: int, *, tenant: str | None) -> tuple[Job, ...]:
        """The jobs that failed last within the last hour, newest first."""
        with self._database.snapshot() as snapshot:
            return tuple(snapshot.jobs.last_failed(self._clock() - _HOUR, limit, tenant=tenant))

    def image(self, job_id: str, variant: Variant, *, tenant: str) -> StoredImage:
        """The bytes of a job's result or original.

        Raises:
            JobNotFoundError: there is no such job.
            ResultNotReadyError: the result is asked for, and there is none (yet), or for review, and none is needed.
            HeldBackError: the result is asked for, and it needs review.
            OriginalExpiredError: the original is asked for, and its time of retention is over.
            ObjectMissingError: the object is gone from storage.
        """
        job = self.job(job_id, tenant=tenant)
        name = job.filename
        if variant != "original":
            path = PurePosixPath(name)
            name = f"{path.stem}-{'redacted' if variant == 'processed' else variant}{path.suffix}"
        return StoredImage(self._storage.stream(_key(job, variant)), job.media_type, name)

    def crops(self, job_id: str, *, tenant: str) -> bytes:
        """What was made unrecognisable in the job's photo, in the clear, as `redaction/crops.py` cut it.

        Raises:
            JobNotFoundError: there is no such job.
            CropsNotFoundError: it was not asked to keep them.
            ResultNotReadyError: there is no result (yet).
            CropsExpiredError: their time is over.
            CropsUnreadableError: their key is gone, or they were changed.
            ObjectMissingError: the object is gone from storage.
        """
        job = self.job(job_id, tenant=tenant)
        if not job.options.reversible:
            raise CropsNotFoundError(f"Job {job.id} was not asked to keep what it makes unrecognisable.")
        result = job.held or result_of(job)
        if result.crops_expires_at is None or result.crops_expires_at <= self._clock():
            raise CropsExpiredError(f"What was made unrecognisable for job {job.id} is no longer kept.")
        sealed = self._storage.get(crops_key(job.tenant, job.id, job.claims))
        return self._vault.open(sealed, CropsOf(job.tenant, job.id, job.claims))

    def urls(self, job: Job) -> tuple[str, str | None]:
        """Names of the original and, once there is one, of the result: `s3://...` or `file:///...`."""
        original = self._storage.url(job.original_key)
        return original, self._storage.url(job.result.processed_key) if job.result else None

    def review_url(self, job: Job) -> str:
        """The name of a result that needs review, as `urls` has them.

        Raises:
            ResultNotReadyError: the job does not need review.
        """
        return self._storage.url(_key(job, "review"))

    def presigned(self, job_id: str, variant: Variant, *, tenant: str) -> str | None:
        """A link from which the image can be downloaded for a while; None where storage gives none.

        Raises:
            JobNotFoundError, ResultNotReadyError, HeldBackError, OriginalExpiredError: as for `image`.
        """
        return self._storage.presigned_url(_key(self.job(job_id, tenant=tenant), variant), self._presigned_for_s)


def result_of(job: Job) -> JobResult:
    """What may be handed out of a job.

    Raises:
        ResultNotReadyError: there is no result (yet).
        HeldBackError: it needs review.
    """
    if job.result is not None:
        return job.result
    if job.held is not None:
        raise HeldBackError(f"Something was still found in the result of job {job.id}: a person must release it first.")
    why = "failed" if job.status is JobStatus.FAILED else "is not completed yet"
    raise ResultNotReadyError(f"Job {job.id} {why}, so there is no result.")


def _key(job: Job, variant: Variant) -> str:
    if variant == "original":
        if job.original_deleted_at is not None:
            raise OriginalExpiredError(f"The original of job {job.id} is no longer kept.")
        return job.original_key
    if variant == "review":
        if job.held is None:
            raise ResultNotReadyError(f"Job {job.id} is {job.status}: nothing of it needs review.")
        return job.held.processed_key
    return result_of(job).processed_key
