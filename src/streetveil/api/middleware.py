"""What every request has: an id, a line in the log (seen at INFO if refused), an answer even where the code fails."""

from __future__ import annotations

import logging
import re
import time
from http import HTTPStatus
from uuid import uuid4

import anyio
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streetveil.api.errors import problem
from streetveil.api.watched import for_log
from streetveil.errors import MalformedRequestError, StreetveilError

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestContext:
    """Gives each request an id (the client's `X-Request-ID` where it is harmless), and answers what escapes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        scope["request_id"] = request_id
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answered = MutableHeaders(scope=message)
                answered["X-Request-ID"] = request_id
                answered["X-Content-Type-Options"] = "nosniff"
            await send(message)

        log = structlog.get_logger(__name__)
        started = time.perf_counter()
        structlog.contextvars.clear_contextvars()  # a connection's next request may begin where the last one ended
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            app = _refuse_two_lengths(request_id) if _has_two_lengths(headers) else self.app
            try:
                await app(scope, receive, send_with_headers)
            except ClientDisconnect:
                log.info("client_disconnected", **for_log(scope))
                return
            except Exception as error:
                log.exception("request_crashed", **for_log(scope))
                if status:  # too late for an answer: the server cuts the connection, so the client sees it is broken
                    raise
                await problem(request_id, StreetveilError(str(error)))(scope, receive, send_with_headers)
            level = logging.INFO if status >= HTTPStatus.BAD_REQUEST else logging.DEBUG
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            log.log(level, "request", **for_log(scope), status=status, ms=milliseconds)


def _has_two_lengths(headers: Headers) -> bool:
    return "transfer-encoding" in headers and "content-length" in headers


def _refuse_two_lengths(request_id: str) -> ASGIApp:
    """A proxy that goes by the other one would take the rest of the body for somebody's next request, or the next
    request for a body (RFC 9112, section 6.1).
    """
    error = MalformedRequestError("A request has either Content-Length or Transfer-Encoding.")
    return problem(request_id, error, headers={"Connection": "close"})


class LingeringRefusal:
    """Lets a client that is still sending read why it is refused.

    A connection that is closed with unread bytes is reset, and the reset may overtake the answer. So the
    answer is sent whole, then a bounded part of the body is read and dropped, and only then is the
    connection closed (what nginx calls lingering_close).
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int = 16 * 1024 * 1024, max_seconds: float = 2.0) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.max_seconds = max_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "DELETE", "OPTIONS"}:
            await self.app(scope, receive, send)
            return
        unread = _may_have_body(scope)
        waits_for_continue = Headers(scope=scope).get("expect", "").lower() == "100-continue"
        refused = False

        async def watch() -> Message:
            nonlocal unread, waits_for_continue
            waits_for_continue = False
            message = await receive()
            unread = message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def linger(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                refused = unread and message["status"] >= HTTPStatus.BAD_REQUEST
                if refused:
                    MutableHeaders(scope=message)["Connection"] = "close"
            if not refused or message["type"] != "http.response.body" or message.get("more_body", False):
                await send(message)
                return
            await send({**message, "more_body": True})
            if not waits_for_continue:  # it has not begun to send, and to receive would ask it to
                await self._drain(receive)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self.app(scope, watch, linger)

    async def _drain(self, receive: Receive) -> None:
        dropped = 0
        with anyio.move_on_after(self.max_seconds):
            while dropped < self.max_bytes:
                message = await receive()
                dropped += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return


def _may_have_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
