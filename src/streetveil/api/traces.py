"""Each request is a span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self.traces.request(scope["method"], Headers(scope=scope).get("traceparent")) as answered:
            try:
                await self.app(scope, receive, watch)
            finally:
                answered(getattr(scope.get("route"), "path", "other"), status)
