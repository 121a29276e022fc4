"""Counts requests and how long they take."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streetveil.observability.metrics import Metrics


class RequestMetrics:
    """The outermost middleware: what others answer counts too."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.metrics.request_began()
        started = time.perf_counter()
        try:
            await self.app(scope, receive, watch)
        finally:
            # The pattern, not the path: anyone can make up paths.
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.request_ended(scope["method"], route, status, time.perf_counter() - started)
