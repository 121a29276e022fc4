"""What one process counts and measures, for Prometheus: the only module that knows its client library."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from streetveil import errors
from streetveil.domain.measurements import CLASSES, LIMITS, NO_CODE, STAGES, Measurements, Task
from streetveil.observability import families
from streetveil.observability.families import Family
from streetveil.observability.readings import Ask, Reading
from streetveil.observability.requests import METHODS

_log = structlog.get_logger(__name__)

# What a job may fail with. They are told from the start, for a counter that appears at 1 did not increase.
_FAILURES = (
    errors.UnsupportedMediaError,
    errors.UnprocessableError,
    errors.UnavailableError,
    errors.ModelError,
    errors.ObjectMissingError,
)
_DELIVERY_FAILURES = tuple(
    kind.code for kind in (errors.InvalidWebhookUrlError, errors.WebhookFailedError, errors.WebhookUnreachableError)
)


class ModelLabels(NamedTuple):
    """How a model is called in labels."""

    name: str
    version: str


class Metrics:
    """A registry of its own, and all that is counted in it. Safe to share by threads.

    Attributes:
        component: as given.

    Args:
        component: `api`, `worker` or `embedded`.
        version: of the product.
        models: which model each task uses. What is not named here is not measured: who runs models cannot make labels.
    """

    def __init__(
        self, *, component: str = "api", version: str = "", models: Mapping[Task, ModelLabels] | None = None
    ) -> None:
        self.component = component
        self._registry = CollectorRegistry()
        self._models = dict(models or {})
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._uploads = self._counter(families.UPLOADS)
        self._jobs = self._counter(families.JOBS)
        self._retries = self._counter(families.RETRIES)
        self._end_to_end = self._histogram(families.END_TO_END)
        self._stage = self._histogram(families.STAGE)
        self._detections = self._histogram(families.DETECTIONS)
        self._confidence = self._histogram(families.CONFIDENCE)
        self._inference = self._histogram(families.INFERENCE)
        self._batch = self._histogram(families.BATCH)
        self._storage = self._histogram(families.STORAGE)
        self._database = self._histogram(families.DATABASE)
        self._queue = self._histogram(families.QUEUE)
        self._requests = self._counter(families.REQUESTS)
        self._request_s = self._histogram(families.REQUEST_S)
        self._requests_now = self._gauge(families.REQUESTS_NOW)
        self._limited = self._counter(families.LIMITED)
        self._webhooks = self._counter(families.WEBHOOKS)
        self._gauge(families.BUILD).labels(version, platform.python_version(), component).set(1)
        for result in ("accepted", "repeated"):
            self._uploads.labels(result, NO_CODE)
        if component != "worker":
            for limit in LIMITS:
                self._limited.labels(limit)
        if component != "api":
            self._announce_jobs()
            for told in ("delivered", "postponed", "given_up"):
                for code in (NO_CODE,) if told == "delivered" else _DELIVERY_FAILURES:
                    self._webhooks.labels(told, code)

    def expose(self, accept: str = "") -> tuple[bytes, str]:
        """All metrics as text, and its media type, for the `Accept` header of who asks."""
        encode, media_type = choose_encoder(accept)
        return encode(_Plain(self._registry)), media_type

    def watch(self, ask: Ask) -> None:
        """Has these numbers asked for at each scrape."""
        self._registry.register(_Asked(ask))

    def uploaded(self, result: str, code: str = NO_CODE) -> None:
        """A photo was handed in for a job: `accepted`, `repeated`, or `refused` with a code."""
        self._uploads.labels(result, code).inc()

    def ended(self, status: str, code: str = NO_CODE, *, seconds: float | None = None) -> None:
        """A job ended; `seconds` since its submission where there is a result."""
        self._jobs.labels(status, code).inc()
        if seconds is not None:
            self._end_to_end.observe(seconds)

    def retried(self, code: str) -> None:
        """An attempt failed and will be made again."""
        self._retries.labels(code).inc()

    def stage(self, name: str, seconds: float) -> None:
        """A stage of a photo's way is over; one of `STAGES`."""
        self._stage.labels(name).observe(seconds)

    def photo(self, measured: Measurements) -> None:
        """A photo was worked on."""
        for name, seconds in measured.seconds.items():
            self._stage.labels(name).observe(seconds)
        for task, found in measured.found.items():
            if (model := self._models.get(task)) is None:
                continue
            counts = dict.fromkeys(CLASSES[task], 0)
            for label, score in found:
                counts[label] += 1
                self._confidence.labels(label.value, *model).observe(score)
            for label, count in counts.items():
                self._detections.labels(label.value, *model).observe(count)
        for run in measured.runs:
            self.ran(run.task, run.rows, run.seconds)

    def ran(self, task: Task, rows: int, seconds: float) -> None:
        """A model ran on so many pictures, or pieces of them."""
        if (model := self._models.get(task)) is not None:
            self._inference.labels(*model).observe(seconds)
            self._batch.labels(*model).observe(rows)

    def storage_asked(self, operation: str, seconds: float, *, ok: bool) -> None:
        """Storage was asked for something."""
        self._storage.labels(operation, _result(ok)).observe(seconds)

    def database_asked(self, operation: str, seconds: float, *, ok: bool) -> None:
        """The same for the database."""
        self._database.labels(operation, _result(ok)).observe(seconds)

    def queue_asked(self, operation: str, seconds: float, *, ok: bool) -> None:
        """The same for the queue."""
        self._queue.labels(operation, _result(ok)).observe(seconds)

    def limited(self, limit: str) -> None:
        """Somebody was turned away by one of `LIMITS`."""
        self._limited.labels(limit).inc()

    def notified(self, result: str, code: str = NO_CODE) -> None:
        """A try to deliver a message is over: `delivered`, or `postponed` or `given_up` with an error's code."""
        self._webhooks.labels(result, code).inc()

    def request_began(self) -> None:
        """An HTTP request's head has come."""
        self._requests_now.inc()

    def request_ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """It was answered with that status, or 0 where its client went. `route` is a pattern of ours."""
        self._requests_now.dec()
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._request_s.labels(method, route).observe(seconds)

    def _announce_jobs(self) -> None:
        for status in ("completed", "needs_review"):
            self._jobs.labels(status, NO_CODE)
        codes = {kind.code for base in _FAILURES for kind in base.kinds()} | {errors.StreetveilError.code}
        for code in sorted(codes):
            self._jobs.labels("failed", code)
        for stage in STAGES:
            self._stage.labels(stage)
        for task, model in self._models.items():
            self._inference.labels(*model)
            self._batch.labels(*model)
            for label in CLASSES[task]:
                self._detections.labels(label.value, *model)
                self._confidence.labels(label.value, *model)

    def _counter(self, family: Family) -> Counter:
        return Counter(family.name, family.help, family.labels, registry=self._registry)

    def _gauge(self, family: Family) -> Gauge:
        return Gauge(family.name, family.help, family.labels, registry=self._registry)

    def _histogram(self, family: Family) -> Histogram:
        return Histogram(family.name, family.help, family.labels, buckets=family.buckets, registry=self._registry)


class _Plain(Collector):
    """Leaves out when each counter was made: it would double their number and helps nobody here."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class _Asked(Collector):
    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def collect(self) -> Iterator[Metric]:
        by_family: dict[Family, list[Reading]] = defaultdict(list)
        try:
            for reading in self._ask():
                by_family[reading.family].append(reading)
        except Exception:  # noqa: BLE001 - the other metrics are told all the same
            _log.exception("metrics_not_read")
            return
        for family, readings in by_family.items():
            kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            metric = kind(family.name, family.help, labels=family.labels)
            for reading in readings:
                metric.add_metric(reading.labels, reading.value)
            yield metric


def _result(ok: bool) -> str:  # noqa: FBT001 - a mere translation
    return "ok" if ok else "error"
