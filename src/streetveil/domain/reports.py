"""What the service says about its jobs, taken together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from streetveil.domain.job import Job, JobStatus


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are wanted; None means any. Erased ones are never among them.

    Attributes:
        since, until: bounds of `created_at`, aware; the first inclusive, the second exclusive.
    """

    status: JobStatus | None = None
    is_vehicle_detected: bool | None = None
    is_face_detected: bool | None = None
    is_face_blurred: bool | None = None
    is_plate_blurred: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, newest first; `next` is the `after` that yields the following page, None on the last."""

    jobs: tuple[Job, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Photos that were uploaded together. Erased ones are no longer among them.

    Attributes:
        counts: jobs per status; every status but `erased` is named, with 0 where there are none.
        jobs: in the order of upload, the first `MAX_BATCH_JOBS` of them.
    """

    id: str
    created_at: datetime
    counts: Mapping[JobStatus, int]
    jobs: tuple[Job, ...]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


MAX_BATCH_JOBS = 1000


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Seconds that half, 95 % and 99 % of the jobs took at most (nearest rank)."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Percentiles | None:
        """The percentiles of `values`; None where there are none."""
        if not values:
            return None
        ranked = sorted(values)
        return cls(*(ranked[max(0, math.ceil(len(ranked) * part) - 1)] for part in (0.5, 0.95, 0.99)))


@dataclass(frozen=True, slots=True)
class Throughput:
    """Completed jobs per second over the last minute and the last hour."""

    last_minute: float
    last_hour: float


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure a model was of what it found; `mean` is None where it found nothing.

    Attributes:
        objects: how many it found.
        mean: mean score, 0..1.
    """

    objects: int
    mean: float | None


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """A process that works on jobs: it lives, or has completed jobs within the last hour.

    Attributes:
        processing: threads that are at work on a job.
        completed: jobs completed within the last hour.
        last_seen: when it last gave a sign of life.
        host, version, started_at, threads: what it said of itself; None where it has ended.
    """

    id: str
    processing: int
    completed: int
    last_seen: datetime
    host: str | None = None
    version: str | None = None
    started_at: datetime | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class RecentJobs:
    """Figures over the jobs completed within the last hour, the newest 10,000 at most.

    Attributes:
        latency: from submission to result.
        processing_time: from a worker's claim to the result.
        confidence: per kind of model: `face`, `license_plate`, `vehicle`.
    """

    latency: Percentiles | None
    processing_time: Percentiles | None
    confidence: Mapping[str, Confidence]
    workers: tuple[WorkerSeen, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    """How the service does. Erased jobs count nowhere.

    Attributes:
        by_status: jobs that are submitted, processing and for review now, and those completed and failed within the
            last hour.
        success_rate: completed jobs among those completed or failed, 0..1; None where there are none.
        failures: jobs that failed within the last hour by their error's code.
    """

    timestamp: datetime
    by_status: Mapping[JobStatus, int]
    success_rate: float | None
    throughput: Throughput
    recent: RecentJobs
    failures: Mapping[str, int]
    queue_depth: int

    @property
    def total(self) -> int:
        return sum(self.by_status.values())

    @property
    def workers(self) -> tuple[WorkerSeen, ...]:
        return self.recent.workers


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """How full the queue is.

    Attributes:
        oldest_job_age_s: seconds for which the oldest submitted job has waited; None where none waits.
    """

    queue_depth: int
    max_queue_size: int
    oldest_job_age_s: float | None
    timestamp: datetime

    @property
    def utilization(self) -> float:
        """Depth by maximum: 0 where empty, 1 where full, more where jobs were requeued into a full queue."""
        return self.queue_depth / self.max_queue_size


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be done beside jobs.

    Attributes:
        count: how many there are, `MAX_BACKLOG` at most.
        since: from when on the first could have been done, which may lie ahead; None where there is none.
    """

    count: int = 0
    since: datetime | None = None


MAX_BACKLOG = 100_000
"""So many are counted: those of a day in which nothing could be done would take a while."""


@dataclass(frozen=True, slots=True)
class DependencyState:
    """Whether something the service needs works; `detail` and the error's `code` say what is wrong where not."""

    ok: bool
    detail: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image on its way out of storage.

    Attributes:
        pieces: the bytes, to be asked for once.
        file_name: what a download may be called; made harmless, may hold any letters.
    """

    pieces: Iterator[bytes]
    media_type: str
    file_name: str
