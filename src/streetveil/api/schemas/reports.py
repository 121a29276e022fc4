"""The JSON bodies that tell how the service does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from streetveil.api.schemas.base import Schema
from streetveil.api.schemas.jobs import Counts
from streetveil.domain.reports import DependencyState, Percentiles, QueueStatus, Stats


class QueueState(Schema):
    """How full the queue is; uploads are refused with 429 when it is full."""

    queue_depth: int
    max_queue_size: int
    queue_utilization: float = Field(description="queue_depth / max_queue_size")
    oldest_job_age_seconds: float | None
    timestamp: datetime

    @classmethod
    def of(cls, queue: QueueStatus) -> Self:
        return cls(
            queue_depth=queue.queue_depth,
            max_queue_size=queue.max_queue_size,
            queue_utilization=queue.utilization,
            oldest_job_age_seconds=queue.oldest_job_age_s,
            timestamp=queue.timestamp,
        )


class LatencySeconds(Schema):
    """Percentiles in seconds."""

    p50: float
    p95: float
    p99: float


class ThroughputRates(Schema):
    """Completed jobs per second."""

    last_minute: float
    last_hour: float


class ModelConfidence(Schema):
    """How sure a model was of what it found within the last hour."""

    objects: int
    mean: float | None = Field(description="mean score, 0..1")


class WorkerState(Schema):
    """A worker that was seen within the last hour; what it said of itself is null once it has ended."""

    worker_id: str
    host: str | None
    version: str | None
    started_at: datetime | None
    threads: int | None
    processing: int
    completed: int = Field(description="jobs completed within the last hour")
    last_seen: datetime


class ServiceStats(Schema):
    """How the service does now and within the last hour."""

    timestamp: datetime
    total_jobs: int = Field(description="the sum of `jobs`")
    jobs: Counts = Field(
        description="submitted, processing and needs_review now; completed and failed within the last hour"
    )
    success_rate: float | None = Field(description="completed / (completed + failed)")
    throughput: ThroughputRates
    latency: LatencySeconds | None = Field(description="from submission to result")
    processing_time: LatencySeconds | None = Field(description="from a worker's claim to the result")
    confidence: dict[str, ModelConfidence] = Field(description="by kind of model: face, license_plate, vehicle")
    failures: dict[str, int] = Field(description="failed jobs by error code")
    queue_depth: int
    workers: list[WorkerState]

    @classmethod
    def of(cls, stats: Stats) -> Self:
        recent = stats.recent
        return cls(
            timestamp=stats.timestamp,
            total_jobs=stats.total,
            jobs=Counts.of(stats.by_status),
            success_rate=stats.success_rate,
            throughput=ThroughputRates(last_minute=stats.throughput.last_minute, last_hour=stats.throughput.last_hour),
            latency=_percentiles(recent.latency),
            processing_time=_percentiles(recent.processing_time),
            confidence={
                name: ModelConfidence(objects=item.objects, mean=item.mean) for name, item in recent.confidence.items()
            },
            failures=dict(stats.failures),
            queue_depth=stats.queue_depth,
            workers=[
                WorkerState(
                    worker_id=item.id,
                    host=item.host,
                    version=item.version,
                    started_at=item.started_at,
                    threads=item.threads,
                    processing=item.processing,
                    completed=item.completed,
                    last_seen=item.last_seen,
                )
                for item in recent.workers
            ],
        )


class Alive(Schema):
    """The process runs."""

    status: Literal["ok"] = "ok"


class Dependency(Schema):
    """Something the service needs."""

    ok: bool
    detail: str | None = Field(description="What is wrong; null where nothing is.")


class Readiness(Schema):
    """Whether the service can work, and what stops it."""

    status: Literal["ok", "unavailable"]
    version: str
    dependencies: dict[str, Dependency] = Field(
        description="by name: database, storage, queue; photos where they are worked on here"
    )

    @classmethod
    def of(cls, states: Mapping[str, DependencyState], version: str) -> Self:
        return cls(
            status="ok" if all(state.ok for state in states.values()) else "unavailable",
            version=version,
            dependencies={name: Dependency(ok=state.ok, detail=state.detail) for name, state in states.items()},
        )


def _percentiles(values: Percentiles | None) -> LatencySeconds | None:
    return None if values is None else LatencySeconds(p50=values.p50, p95=values.p95, p99=values.p99)
