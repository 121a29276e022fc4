"""Spans of one process, sent to a collector by OTLP: the only module that knows OpenTelemetry, and an extra.

A trace begins with a request, goes through the queue with the job's id (carried.py), and ends with the job:

    POST /upload > queued
                 > process > claim, fetch, decode, faces, vehicles, plates, redact, verify, store, record

OpenTelemetry's own variables say where to and how (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
Nothing here is global: libraries that would trace themselves find nobody to tell.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from streetveil.domain.measurements import NO_CODE, PHOTO_STAGES, Measurements
from streetveil.observability.requests import METHODS

Handler = Callable[[str], None]

_W3C = TraceContextTextMapPropagator()
# What waits for a place to work at: the gap before `decode`. Its own times are not known.
_NO_SPAN = "handover"
_QUEUED = "queued"
_FAILED = "failed"


class Traces:
    """What is told of requests and jobs becomes spans; also a `JobObserver`. Any thread may call it."""

    def __init__(self, *, component: str, version: str) -> None:
        """`component` is `api`, `worker`, or `embedded` for both in one."""
        ours = Resource({"service.name": f"streetveil-{component}", "service.version": version})
        # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say counts more.
        resource = Resource.create().merge(ours).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("streetveil", version)

    def close(self) -> None:
        """Sends what is not sent yet; gives up where the collector does not answer."""
        self._provider.shutdown()

    @contextmanager
    def request(self, method: str, traceparent: str | None) -> Iterator[Callable[[str, int], None]]:
        """A request, continuing its sender's trace; call what this yields with its route and the answer's status."""
        parent = _W3C.extract({"traceparent": traceparent} if traceparent else {})
        known = method in METHODS
        name = method if known else "HTTP"
        with self._span(name, parent, SpanKind.SERVER) as span:
            # https://opentelemetry.io/docs/specs/semconv/http/http-spans/
            span.set_attribute("http.request.method", method if known else "_OTHER")

            def answered(route: str, status: int) -> None:
                span.update_name(f"{name} {route}")
                span.set_attributes({"http.route": route, "http.response.status_code": status, **_whose()})
                if status >= 500 or not status:
                    span.set_status(Status(StatusCode.ERROR))

            yield answered

    def around(self, handler: Handler) -> Handler:
        """The handler of a queue, each of whose calls is a span of the trace that came with the id."""

        def handle(job_id: str) -> None:
            carried = structlog.contextvars.get_contextvars().get("traceparent")
            parent = _W3C.extract({"traceparent": carried} if carried else {})
            with self._span("process", parent, SpanKind.CONSUMER) as span:
                span.set_attributes({"streetveil.job_id": job_id, **_whose()})
                handler(job_id)

        return handle

    def stage(self, name: str, seconds: float) -> None:
        """One of `STAGES` is over."""
        if name == _NO_SPAN or not trace.get_current_span().is_recording():
            return
        end = time.time_ns()
        self._past(name, end - round(seconds * 1e9), end, _before_current() if name == _QUEUED else None)

    def photo(self, measured: Measurements) -> None:
        """A photo was worked on, whose stages came one after the other until now."""
        if not trace.get_current_span().is_recording():
            return
        end = time.time_ns()
        for name in reversed(PHOTO_STAGES):
            if (seconds := measured.seconds.get(name)) is None:
                continue
            start = end - round(seconds * 1e9)
            self._past(name, start, end)
            end = start

    def uploaded(self, result: str) -> None:
        """A photo was handed in."""
        trace.get_current_span().add_event("upload", {"result": result})

    def retried(self, code: str) -> None:
        """The attempt failed for this, and will be made again."""
        span = trace.get_current_span()
        span.set_attributes({"streetveil.code": code, **_whose()})
        span.set_status(Status(StatusCode.ERROR))

    def ended(self, status: str, code: str = NO_CODE, *, seconds: float | None = None) -> None:  # noqa: ARG002
        """The job ended in this status."""
        span = trace.get_current_span()
        span.set_attributes({"streetveil.status": str(status), **_whose()})
        if status == _FAILED:
            span.set_attribute("streetveil.code", code)
            span.set_status(Status(StatusCode.ERROR))

    @contextmanager
    def _span(self, name: str, parent: Context, kind: SpanKind) -> Iterator[Span]:
        """A span that is the current one, and named in what the queue takes along.

        Of what is raised the kind is told alone: messages may say what is nobody's business.
        """
        with self._tracer.start_as_current_span(
            name, context=parent, kind=kind, record_exception=False, set_status_on_exception=False
        ) as span:
            carrier: dict[str, str] = {}
            _W3C.inject(carrier)
            with structlog.contextvars.bound_contextvars(**carrier):
                try:
                    yield span
                except Exception as error:
                    span.set_attribute("error.type", type(error).__name__)
                    span.set_status(Status(StatusCode.ERROR))
                    raise

    def _past(self, name: str, start: int, end: int, parent: Context | None = None) -> None:
        """A span that is over, from nanoseconds since 1970; by default a part of the current one."""
        self._tracer.start_span(name, context=parent, start_time=start).end(end)


def _before_current() -> Context | None:
    """As context the span that the current one is a part of: one in another process, or none."""
    current = trace.get_current_span()
    if isinstance(current, ReadableSpan) and current.parent is not None:
        return trace.set_span_in_context(NonRecordingSpan(current.parent))
    return None


def _whose() -> dict[str, str]:
    """The ids that log lines have too."""
    context = structlog.contextvars.get_contextvars()
    return {f"streetveil.{name}": context[name] for name in ("request_id", "tenant") if name in context}
