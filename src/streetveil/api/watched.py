"""What those see of a request who watch from outside: which route it took, and how it was answered."""

from __future__ import annotations

from starlette.types import Message, Scope, Send

from streetveil.api.dependencies import canonical_uuid
from streetveil.observability.requests import METHODS


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


def for_log(scope: Scope) -> dict[str, str]:
    """The request's method and path, as far as they are ours: the path where nothing but ids is in a route's pattern.

    What else clients write there, by mistake or on purpose, may be the name of a photo, or a token.
    """
    method, path = scope["method"], route_of(scope)
    if "route" in scope and all(canonical_uuid(str(value)) for value in scope.get("path_params", {}).values()):
        path = scope["path"]
    return {"method": method if method in METHODS else "other", "path": path}
