"""What operators see of a process: metrics, traces, and the state of what it depends on."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

from streetveil import __version__
from streetveil.bootstrap.choices import digest_of, has_gpu, isolates, model_paths
from streetveil.detection.models import MODELS
from streetveil.domain.measurements import Task
from streetveil.errors import ConfigurationError
from streetveil.jobs.anonymising import Anonymising
from streetveil.jobs.health import Health
from streetveil.queue.base import JobQueue
from streetveil.settings import Settings
from streetveil.storage.base import ObjectStore

if TYPE_CHECKING:
    from streetveil.database.base import Database
    from streetveil.observability.metrics import Metrics
    from streetveil.observability.tracing import Traces


# OpenTelemetry reads these by itself: where there is a collector for traces.
_COLLECTOR = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


# How old an answer about the dependencies may be.
HEALTH_AGE_S = 5.0


def build_metrics(settings: Settings, *, component: str) -> Metrics:
    """What a process of the service counts in; `component` is `api`, `worker`, or `embedded` for both in one."""
    from streetveil.observability.metrics import Metrics, ModelLabels
    from streetveil.observability.readings import disk_readings

    models: dict[Task, ModelLabels] = {}
    paths = model_paths(settings)
    for card in MODELS:
        own = paths[card.task]
        models[card.task] = ModelLabels(own.name, digest_of(own)) if own else ModelLabels(card.name, card.version)
    metrics = Metrics(component=component, version=__version__, models=models)
    metrics.watch(lambda: disk_readings(settings.data_dir) if settings.data_dir.exists() else [])
    if component != "api" and has_gpu(settings):
        from streetveil.observability.gpus import gpu_readings

        if (ask := gpu_readings()) is not None:
            metrics.watch(ask)
    return metrics


def build_traces(*, component: str) -> Traces | None:
    """What a process of the service tells its spans to; None where OpenTelemetry's own variables name no collector.

    Raises:
        ConfigurationError: they do, and the extra `otel` is not installed.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or not any(map(os.environ.get, _COLLECTOR)):
        return None
    try:
        from streetveil.observability.tracing import Traces
    except ImportError as error:
        raise ConfigurationError(
            f"{_COLLECTOR[0]} is set, and its SDK is not installed: it is the extra `otel` (docs/tracing.md)."
        ) from error
    return Traces(component=component, version=__version__)


def measured(
    metrics: Metrics, database: Database, storage: ObjectStore, queue: JobQueue
) -> tuple[Database, ObjectStore, JobQueue]:
    """The same, each telling how long it takes."""
    from streetveil.database.measured import MeasuredDatabase
    from streetveil.queue.measured import MeasuredQueue
    from streetveil.storage.measured import MeasuredObjectStore

    return (
        MeasuredDatabase(database, metrics.database_asked),
        MeasuredObjectStore(storage, metrics.storage_asked),
        MeasuredQueue(queue, metrics.queue_asked),
    )


def watch_shared_state(
    settings: Settings,
    metrics: Metrics,
    database: Database,
    storage: ObjectStore,
    queue: JobQueue,
    anonymise: Anonymising,
) -> None:
    """Has the API's processes tell of what all share; workers, of which there are many, do not ask for it too."""
    if metrics.component == "worker":
        return
    from streetveil.jobs.shared_state import SharedState

    metrics.watch(
        SharedState(
            database=database,
            queue=queue,
            health=build_health(settings, database, storage, queue, anonymise),
            max_queue_size=settings.max_queue_size,
            worker_silence=2 * timedelta(seconds=settings.lease_s),
        )
    )


def build_health(
    settings: Settings,
    database: Database,
    storage: ObjectStore,
    queue: JobQueue,
    anonymise: Anonymising,
    *,
    max_age_s: float = 0.0,
) -> Health:
    """What asks the dependencies how they are."""
    return Health(
        database=database,
        storage=storage,
        queue=queue,
        photos=anonymise.check if settings.redis_url is None and isolates(settings) else None,
        max_age_s=max_age_s,
    )
