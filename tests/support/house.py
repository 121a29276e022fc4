"""A whole service within one process, with real adapters; only the anonymiser is a fake."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from streetveil.crops.base import Vault
from streetveil.database.base import Database
from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.audit import AuditSeal
from streetveil.domain.geometry import Orientation, Size
from streetveil.domain.job import Job, JobStatus, utc_now
from streetveil.domain.options import JobOptions
from streetveil.domain.reports import JobFilter
from streetveil.imaging.formats import ImageFormat
from streetveil.imaging.picture import ImageHeader
from streetveil.jobs.anonymise import Anonymised
from streetveil.jobs.audit_log import AuditLog
from streetveil.jobs.backoff import Backoff
from streetveil.jobs.erase import Erase
from streetveil.jobs.erasure_proof import ProveErasure
from streetveil.jobs.health import Health
from streetveil.jobs.inspect import Inspect
from streetveil.jobs.maintain import Maintain
from streetveil.jobs.observer import JobObserver
from streetveil.jobs.process import AttemptPolicy, Process
from streetveil.jobs.release import Release
from streetveil.jobs.retention import RetentionPolicy
from streetveil.jobs.retry import Retry
from streetveil.jobs.submit import Submit, Upload
from streetveil.observability.carried import carrying
from streetveil.queue.base import JobQueue
from streetveil.queue.memory import MemoryQueue
from streetveil.redaction.base import RedactedFile
from streetveil.storage.base import ObjectStore
from streetveil.storage.keys import FOLDERS, crops_key
from streetveil.storage.local import LocalObjectStore

HEADER = ImageHeader(ImageFormat.JPEG, Size(40, 30), Orientation.ROTATED_90)
CROPS = b"the face in the clear"
MODEL = {"name": "yunet", "version": "1", "sha256": "ab"}


class TurnableClock:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)

    def catch_up(self) -> None:
        """Turns it behind all files that were written so far: those have the system's time."""
        self.now = max(self.now, utc_now()) + timedelta(seconds=1)


class FailedWhileProcessing(BaseException):
    """An assertion in `before` that does not hold: as an Exception it would be recorded as the job's failure."""


@dataclass
class FakeAnonymiser:
    """Finds one face and one bus in everything; raises or does first what it is told to."""

    prefix: bytes = b"redacted "
    seen: list[bytes] = field(default_factory=list)
    before: Callable[[bytes], None] = lambda data: None
    failures: list[Exception] = field(default_factory=list)
    needs_review: bool = False

    def __call__(self, data: bytes, options: JobOptions) -> Anonymised:
        self.seen.append(data)
        try:
            self.before(data)
        except AssertionError as error:
            raise FailedWhileProcessing from error
        if self.failures:
            raise self.failures.pop(0)
        return Anonymised(
            file=RedactedFile(self.prefix + data, lossless=False),
            header=HEADER,
            blur_metadata={
                "regions": [{"class": "face", "box": [1, 2, 3, 4], "confidence": 0.75, "style": "gaussian"}],
                "faces_blurred": 1,
                "plates_blurred": 0,
                "lossless": False,
                "model": MODEL,
                "models": [MODEL],
            },
            detection_metadata={
                "vehicles": [{"class": "bus", "box": [1, 2, 3, 4], "confidence": 0.5}],
                "is_vehicle_detected": True,
                "is_face_detected": True,
                "is_face_blurred": True,
                "model": MODEL,
            },
            needs_review=self.needs_review,
            crops=CROPS if options.reversible else None,
        )


TENANT = DEFAULT_TENANT
"""Whose jobs they are in tests that are about something else."""


class House:
    """One process of the service."""

    def __init__(
        self,
        root: Path,
        clock: TurnableClock,
        *,
        url: str | None = None,
        wrap_database: Callable[[Database], Any] = lambda it: it,
        wrap_storage: Callable[[ObjectStore], Any] = lambda it: it,
        wrap_queue: Callable[[JobQueue], Any] = lambda it: it,
        max_queue_size: int = 100,
        backoff: Backoff | None = None,
        observer: JobObserver | None = None,
        vault: Vault | None = None,
    ) -> None:
        self.root = root
        self.clock = clock
        self.memory = MemoryQueue()
        self.sql = SqlDatabase(open_engine(url or sqlite_url(root / "jobs.db")))
        self.files = LocalObjectStore.open(root / "objects")
        self.anonymise = FakeAnonymiser()
        self.attempts = AttemptPolicy(most=3, backoff=backoff or Backoff(first_s=0.0))
        adapters: dict[str, Any] = {
            "database": wrap_database(self.sql),
            "storage": wrap_storage(self.files),
            "queue": wrap_queue(self.memory),
        }
        self.adapters = adapters
        self.observer = observer
        self.vault = vault
        stored = {"database": adapters["database"], "storage": adapters["storage"]}
        queued = {"database": adapters["database"], "queue": adapters["queue"]}
        self.submit = Submit(**adapters, max_queue_size=max_queue_size, observer=observer, vault=vault, clock=clock)
        self.inspect = Inspect(**adapters, max_queue_size=max_queue_size, vault=vault, clock=clock)
        self.retry = Retry(**queued, clock=clock)
        self.release = Release(database=adapters["database"], clock=clock)
        self.erase = Erase(**stored, clock=clock)
        self.maintain = Maintain(**adapters, attempts=self.attempts, observer=observer, clock=clock)
        self.audit_log = AuditLog(database=self.sql, seal=AuditSeal(), clock=clock)
        self.prove_erasure = ProveErasure(database=self.sql, storage=self.files, seal=AuditSeal())
        self.process = self.worker("worker-1")

    @property
    def health(self) -> Health:
        return Health(**self.adapters)

    def worker(self, worker_id: str, retention: RetentionPolicy | None = None) -> Process:
        return Process(
            **self.adapters,
            anonymise=self.anonymise,
            worker_id=worker_id,
            attempts=self.attempts,
            retention=retention,
            vault=self.vault,
            observer=self.observer,
            clock=self.clock,
        )

    def upload(self, content: bytes = b"photo", **more: Any) -> Job:
        more.setdefault("tenant", TENANT)
        name, options = more.pop("filename", "street.jpg"), more.pop("options", JobOptions())
        sha256 = hashlib.sha256(content).hexdigest()
        return self.submit(Upload(name, io.BytesIO(content), len(content), sha256, HEADER), options, **more)

    def drain(self) -> None:
        """Works on every queued id, one after the other."""
        while self.memory.depth():
            taken = self.memory.take(threading.Event())
            assert taken is not None
            with carrying(taken.context):
                self.process(taken.job_id)

    def claim(self, job: Job, worker_id: str) -> Job:
        """Makes the job that of a worker which does nothing more."""
        claimed = self.sql.transact(
            lambda transaction: transaction.jobs.claim(
                job.id, worker_id=worker_id, now=self.clock(), lease=self.attempts.lease
            )
        )
        assert claimed is not None
        return claimed

    def row(self, job_id: str) -> Job:
        with self.sql.snapshot() as snapshot:
            job = snapshot.jobs.get(job_id)
        assert job is not None
        return job

    def jobs(self) -> list[Job]:
        with self.sql.snapshot() as snapshot:
            return snapshot.jobs.page(JobFilter(), tenant=TENANT, after=None, limit=1000)

    def objects(self) -> set[str]:
        return {item.key for folder in FOLDERS for item in self.files.list(folder)}

    def close(self) -> None:
        self.sql.close()

    def assert_nothing_is_left_over(self) -> None:
        """Exactly the objects that rows name are in storage, and no half-written file."""
        named = set()
        for job in self.jobs():
            named.add(job.original_key)
            for result in (job.result, job.held):
                if result is not None:
                    named |= {result.processed_key, result.metadata_key}
                    if result.crops_expires_at is not None:
                        named.add(crops_key(job.tenant, job.id, job.claims))
        assert self.objects() == named
        assert not list((self.root / "objects").rglob("*#*"))

    def assert_completed(self, job: Job, content: bytes = b"photo") -> None:
        row = self.row(job.id)
        assert row.status is JobStatus.COMPLETED
        assert row.result is not None
        assert self.files.get(row.result.processed_key) == b"redacted " + content
