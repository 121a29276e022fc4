"""Counts requests and how long they take."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Receive, Scope, Send

from streetveil.api.watched import WatchedSend, route_of
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
        answer = WatchedSend(send)
        self.metrics.request_began()
        started = time.perf_counter()
        try:
            await self.app(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - started
            self.metrics.request_ended(scope["method"], route_of(scope), answer.status, seconds)
