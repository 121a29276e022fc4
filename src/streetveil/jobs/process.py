"""The path of one photo through a worker: claim, fetch, anonymise, store, complete.

Every step is safe to run twice, and the worker may die between any two of them:

    claim       only one worker gets it, and its number makes all later steps its own
    store       under names of that claim alone (storage/keys.py)
    complete    happens only while the claim is the job's latest; otherwise what was stored is removed.
                Where something was still found in the result, the job is held back for a person to look

What a dead worker leaves behind is found by `maintain.py`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from streetveil.crops.base import CropsOf, NoVault, Vault
from streetveil.database.base import Database, UnitOfWork
from streetveil.domain.audit import Actor, AuditAction, AuditEvent
from streetveil.domain.job import Clock, Job, JobFailure, JobResult, JobStatus, utc_now
from streetveil.domain.options import JobOptions
from streetveil.errors import ObjectMissingError, StreetveilError, UnavailableError, WorkerLostError
from streetveil.jobs.anonymise import Anonymised
from streetveil.jobs.backoff import Backoff
from streetveil.jobs.leases import Leases, WorkerProcess
from streetveil.jobs.observer import JobObserver, Unobserved, staged
from streetveil.jobs.quarantine import did_harm
from streetveil.jobs.retention import RetentionPolicy
from streetveil.observability.carried import carried
from streetveil.queue.base import JobQueue
from streetveil.storage.base import ObjectStore
from streetveil.storage.keys import crops_key, extension_of, metadata_key, processed_key

_log = structlog.get_logger(__name__)

_RECORD_TRIES = 5

Anonymise = Callable[[bytes, JobOptions], Anonymised]


@dataclass(frozen=True, slots=True)
class AttemptPolicy:
    """How often and when a job is tried.

    Attributes:
        most: attempts after which a job that could be tried again is given up.
        lease: how long a worker may be silent before its jobs are given to others; `Process.heartbeat` extends it.
        longest: how long one photo may take before its thread counts as stuck, although the worker lives.
        loss_is_harm: whether the loss of a worker is held against the photo it worked on: where photos are worked on
            in the worker's own process, one of them may have ended it.
    """

    most: int = 5
    lease: timedelta = timedelta(seconds=60)
    longest: timedelta = timedelta(minutes=15)
    backoff: Backoff = field(default_factory=Backoff)
    loss_is_harm: bool = False

    def is_last(self, job: Job, failure: JobFailure) -> bool:
        """Whether the attempt that ended so was the job's last: it had enough, or its photo did harm twice."""
        return job.attempts >= self.most or (self._did_harm(failure) and self._did_harm(job.failure))

    def to_remember(self, job: Job, failure: JobFailure) -> JobFailure:
        """The failure to be kept until the next attempt: harm is not forgotten over something that was not."""
        if job.failure is not None and self._did_harm(job.failure) and not self._did_harm(failure):
            return job.failure
        return failure

    def _did_harm(self, failure: JobFailure | None) -> bool:
        lost = failure is not None and failure.code == WorkerLostError.code
        return did_harm(failure) or (lost and self.loss_is_harm)


class Process:
    """Works on one job: the handler of the queue."""

    def __init__(
        self,
        *,
        database: Database,
        storage: ObjectStore,
        queue: JobQueue,
        anonymise: Anonymise,
        worker_id: str,
        host: str = "",
        version: str = "",
        threads: int = 1,
        attempts: AttemptPolicy | None = None,
        retention: RetentionPolicy | None = None,
        vault: Vault | None = None,
        clock: Clock = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        observer: JobObserver | None = None,
    ) -> None:
        """`worker_id` is unique per start of a process; `host`, `version` and `threads` are told to who asks."""
        self._database = database
        self._storage = storage
        self._queue = queue
        self._anonymise = anonymise
        self._worker_id = worker_id
        self._attempts = attempts or AttemptPolicy()
        self._retention = retention or RetentionPolicy()
        self._vault = vault or NoVault()
        self._clock = clock
        self._sleep = sleep
        self._observer = observer or Unobserved()
        self._leases = Leases(
            database=database,
            worker=WorkerProcess(worker_id, host, version, threads),
            lease=self._attempts.lease,
            longest=self._attempts.longest,
            clock=clock,
        )

    def heartbeat(self) -> None:
        """Keeps the jobs that this process works on its own; to be called three times per lease.

        Raises:
            DatabaseUnavailableError: the database could not be told.
        """
        self._leases.beat()

    def leave(self) -> None:
        """Tells that this process ends: jobs it did not finish are free for others at once.

        Raises:
            DatabaseUnavailableError: the database could not be told; the leases run out by themselves.
        """
        self._leases.leave()

    def __call__(self, job_id: str) -> None:
        """Works on the job; where it is not to be had (done, erased, at another worker) nothing happens.

        Raises:
            DatabaseUnavailableError: how it ended could not be recorded; `jobs/maintain` makes up for it.
        """
        with structlog.contextvars.bound_contextvars(job_id=job_id):
            try:
                with staged(self._observer, "claim"):
                    claimed = self._claim(job_id)
            except UnavailableError as error:
                delay_s = self._attempts.backoff.delay_s(1)
                _log.warning("claim_postponed", code=error.code, detail=error.detail, delay_s=delay_s)
                self._queue.put(job_id, delay_s=delay_s)
                return
            if claimed is None:
                _log.debug("job_not_claimable")
                return
            if claimed.attempts == 1:
                self._observer.stage("queued", self._waited_s(claimed))
            with structlog.contextvars.bound_contextvars(**_whose(claimed)), self._leases.held(job_id):
                self._work(claimed)

    def _claim(self, job_id: str) -> Job | None:
        return self._database.transact(
            lambda transaction: transaction.jobs.claim(
                job_id, worker_id=self._worker_id, now=self._clock(), lease=self._attempts.lease
            )
        )

    def _work(self, claimed: Job) -> None:
        try:
            result, held = self._produce(claimed)
            with staged(self._observer, "record"):
                recorded = self._finish(claimed, result, held=held)
        except StreetveilError as error:
            if error.retryable:
                self._postpone_or_fail(claimed, JobFailure(error.code, error.detail))
            else:
                self._fail(claimed, JobFailure(error.code, error.detail))
        except Exception:  # noqa: BLE001 - logged with its traceback and recorded, not passed over
            # A defect of ours, or memory that ran out: perhaps of the moment, so it gets its attempts too.
            _log.exception("job_crashed", attempt=claimed.attempts)
            failure = JobFailure(StreetveilError.code, "An unexpected error; the service's log has its traceback.")
            self._postpone_or_fail(claimed, failure)
        else:
            if recorded:
                status = JobStatus.NEEDS_REVIEW if held else JobStatus.COMPLETED
                seconds = self._waited_s(claimed)
                self._observer.ended(status, seconds=seconds)
                event = "job_held_back" if held else "job_completed"
                _log.info(event, attempt=claimed.attempts, processing_time=result.processing_time, seconds=seconds)
                if not held:
                    self._drop_original(claimed)
            else:
                _log.debug("claim_lost", attempt=claimed.attempts)
                self._discard(claimed)

    def _produce(self, claimed: Job) -> tuple[JobResult, bool]:
        """Makes and stores the objects of a result; True where a person must look before it is handed out."""
        processed, metadata, crops = _result_keys(claimed)
        if claimed.options.reversible:
            self._vault.ensure_key(claimed.tenant)  # rather than work for nothing
        with staged(self._observer, "fetch"):
            original = self._original(claimed)
        anonymised = self._anonymise(original, claimed.options)
        sealed = self._sealed(claimed, anonymised.crops)
        document = {
            "job_id": claimed.id,
            "options": claimed.options.as_dict(),
            "blur_metadata": anonymised.blur_metadata,
            "detection_metadata": anonymised.detection_metadata,
        }
        with staged(self._observer, "store"):
            if sealed is not None:
                self._storage.put(crops, sealed, content_type="application/octet-stream")
            self._storage.put(processed, anonymised.file.data, content_type=claimed.media_type)
            self._storage.put(metadata, json.dumps(document).encode(), content_type="application/json")
        started = claimed.started_at or claimed.updated_at
        result = JobResult(
            processed_key=processed,
            metadata_key=metadata,
            processing_time=max(0.0, (self._clock() - started).total_seconds()),
            blur_metadata=anonymised.blur_metadata,
            detection_metadata=anonymised.detection_metadata,
            crops_expires_at=self._clock() + self._retention.of(claimed.tenant).crops if sealed is not None else None,
        )
        return result, anonymised.needs_review

    def _sealed(self, claimed: Job, crops: bytes | None) -> bytes | None:
        """The crops of a photo that shall be reversible, as they may be stored; None for any other."""
        if not claimed.options.reversible:
            return None
        if crops is None:
            raise ValueError("a photo that shall be reversible came without its crops")
        return self._vault.seal(crops, CropsOf(claimed.tenant, claimed.id, claimed.claims))

    def _waited_s(self, job: Job) -> float:
        """Seconds since its submission."""
        return max(0.0, (self._clock() - job.submitted_at).total_seconds())

    def _original(self, claimed: Job) -> bytes:
        try:
            return self._storage.get(claimed.original_key)
        except ObjectMissingError as error:
            raise ObjectMissingError(
                "The original of this photo is no longer in storage: upload the photo again."
            ) from error

    # How it ended is recorded so that it can be done twice: a commit whose answer was lost may have happened.

    def _finish(self, claimed: Job, result: JobResult, *, held: bool) -> bool:
        now = self._clock()

        def finish(transaction: UnitOfWork) -> bool:
            record = transaction.jobs.hold if held else transaction.jobs.complete
            if not record(claimed, result, now=now):
                return _names(transaction.jobs.get(claimed.id), result.processed_key)
            action = AuditAction.HOLD_BACK if held else AuditAction.COMPLETE
            transaction.audit.add(self._did(action, claimed, now))
            if not held and self._retention.drops_original(claimed.tenant):
                transaction.jobs.expire_original(claimed.id, now=now)
                transaction.audit.add(self._did(AuditAction.EXPIRE, claimed, now, what="original"))
            return True

        return self._record(finish)

    def _drop_original(self, claimed: Job) -> None:
        """Removes the upload of a completed job where its row says so since then."""
        if not self._retention.drops_original(claimed.tenant):
            return
        try:
            self._storage.delete([claimed.original_key])
        except UnavailableError as error:
            # An orphan from now on: `jobs/maintain` finds it.
            _log.warning("original_left_behind", code=error.code)

    def _postpone_or_fail(self, claimed: Job, failure: JobFailure) -> None:
        if self._attempts.is_last(claimed, failure):
            self._fail(claimed, failure)
            return
        delay_s = self._attempts.backoff.delay_s(claimed.attempts)
        now = self._clock()
        due_at = now + timedelta(seconds=delay_s)

        def postpone(transaction: UnitOfWork) -> bool:
            remembered = self._attempts.to_remember(claimed, failure)
            postponed = transaction.jobs.postpone(claimed, remembered, now=now, due_at=due_at)
            if not postponed:
                job = transaction.jobs.get(claimed.id)
                postponed = job is not None and job.status is JobStatus.SUBMITTED and job.claims == claimed.claims
            if postponed:
                transaction.after_commit(partial(self._queue.put, claimed.id, delay_s=delay_s))
            return postponed

        if self._record(postpone):
            self._observer.retried(failure.code)
            _log.warning("job_postponed", code=failure.code, attempt=claimed.attempts, delay_s=delay_s)
        self._discard(claimed)

    def _fail(self, claimed: Job, failure: JobFailure) -> None:
        now = self._clock()

        def fail(transaction: UnitOfWork) -> bool:
            failed = transaction.jobs.fail(claimed, failure, now=now)
            if failed:
                transaction.audit.add(self._did(AuditAction.FAIL, claimed, now, failure.code))
            return failed

        if self._record(fail):
            self._observer.ended(JobStatus.FAILED, failure.code)
            # Not a warning: most failures are the photo's, and those of a server were warned of at each attempt.
            _log.info("job_failed", code=failure.code, attempt=claimed.attempts, seconds=self._waited_s(claimed))
        self._discard(claimed)

    def _did(self, action: AuditAction, claimed: Job, now: datetime, outcome: str = "ok", **details: str) -> AuditEvent:
        worker = Actor(self._worker_id, claimed.tenant)
        return worker.did(action, at=now, job_id=claimed.id, outcome=outcome, claim=claimed.claims, **details)

    def _record(self, work: Callable[[UnitOfWork], bool]) -> bool:
        """Commits `work` with patience: what was done need not be done again because the database was restarted."""
        for attempt in range(1, _RECORD_TRIES):
            try:
                return self._database.transact(work)
            except UnavailableError as error:
                delay_s = self._attempts.backoff.delay_s(attempt)
                _log.warning("recording_postponed", code=error.code, detail=error.detail, delay_s=delay_s)
                self._sleep(delay_s)
        return self._database.transact(work)

    def _discard(self, claimed: Job) -> None:
        """Removes what this claim stored, unless the row names it after all.

        It does where a commit's answer was lost. Where storage or database cannot be
        asked now, the objects stay until `jobs/maintain` finds them.
        """
        keys = _result_keys(claimed)
        try:
            with self._database.snapshot() as snapshot:
                job = snapshot.jobs.get(claimed.id)
            if _names(job, keys[0]):
                return
            self._storage.delete(keys)
        except StreetveilError as error:
            _log.warning("result_left_behind", code=error.code)


def _whose(claimed: Job) -> dict[str, str]:
    """What each log line of the job has. Where `jobs/maintain` queued it again, only its row knows the request."""
    request_id = carried().get("request_id") or claimed.request_id
    return {"tenant": claimed.tenant} | ({"request_id": request_id} if request_id else {})


def _result_keys(claimed: Job) -> tuple[str, str, str]:
    """What this claim alone stores: the result, and beside it the metadata and, if any, the sealed crops."""
    extension = extension_of(claimed.original_key)
    return (
        processed_key(claimed.tenant, claimed.id, claimed.claims, extension),
        metadata_key(claimed.tenant, claimed.id, claimed.claims),
        crops_key(claimed.tenant, claimed.id, claimed.claims),
    )


def _names(job: Job | None, processed: str) -> bool:
    """Whether the row names that object as its result, handed out or held back."""
    result = (job.result or job.held) if job is not None else None
    return result is not None and result.processed_key == processed
