"""Each request is a span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from streetveil.api.watched import WatchedSend, route_of

if TYPE_CHECKING:  # an extra
    from streetveil.observability.tracing import Traces


class RequestTraces:
    """Within `RequestContext`, which knows the request's id. What only asks how the service does is left out."""

    def __init__(self, app: ASGIApp, *, traces: Traces) -> None:
        self.app = app
        self.traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(("/health", "/metrics")):
            await self.app(scope, receive, send)
            return
        answer = WatchedSend(send)
        with self.traces.request(scope["method"], Headers(scope=scope).get("traceparent")) as answered:
            try:
                await self.app(scope, receive, answer)
            finally:
                answered(route_of(scope), answer.status)
