"""A collector of spans: a real OTLP/HTTP receiver, which decodes what comes by OpenTelemetry's own messages."""

from __future__ import annotations

import gzip
from typing import Any, NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.http_stub import HttpStub


class Seen(NamedTuple):
    """A span, with its ids as hexadecimal text; `ok` is False where its status is an error."""

    name: str
    trace: str
    id: str
    parent: str
    service: str
    start: int
    end: int
    attributes: dict[str, Any]
    ok: bool


class Collector:
    """Listens on loopback while the `with` lasts."""

    def __init__(self) -> None:
        self._stub = HttpStub()

    def __enter__(self) -> Self:
        self._stub.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._stub.__exit__()

    @property
    def endpoint(self) -> str:
        return self._stub.endpoint

    def spans(self) -> list[Seen]:
        """All that came, by their start."""
        return sorted(
            (span for request in list(self._stub.requests) for span in _spans(request.body, request.headers)),
            key=lambda span: (span.start, -span.end),
        )

    def paths(self) -> set[str]:
        return {request.path for request in self._stub.requests}


def _spans(body: bytes, headers: Any) -> list[Seen]:
    message = ExportTraceServiceRequest()
    message.ParseFromString(gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body)
    return [
        Seen(
            name=span.name,
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            service=_values(resource.resource.attributes)["service.name"],
            start=span.start_time_unix_nano,
            end=span.end_time_unix_nano,
            attributes=_values(span.attributes),
            ok=span.status.code != 2,
        )
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _values(attributes: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in attributes}
