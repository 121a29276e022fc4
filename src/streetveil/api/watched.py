"""What those see of a request who watch from outside: which route it took, and how it was answered."""

from __future__ import annotations

from starlette.types import Message, Scope, Send


class WatchedSend:
    """Passes an answer on.

    Attributes:
        status: of the answer; 0 until it has begun.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def route_of(scope: Scope) -> str:
    """The pattern of the request's route, not its path: anyone can make up paths."""
    pattern: str = getattr(scope.get("route"), "path", "other")
    return pattern
