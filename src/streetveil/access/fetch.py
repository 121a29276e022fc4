"""A document from an address that the operator chose, within a time that nothing the other side does makes longer."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Self

_MAX_BYTES = 1024 * 1024
_SILENCE_S = 5.0
_DEADLINE_S = 10.0


def fetch_json(url: str, *, deadline_s: float = _DEADLINE_S) -> Mapping[str, Any]:
    """The JSON document at `url`. No redirects are followed.

    Raises:
        OSError: it could not be had, or not within `deadline_s` seconds once connected.
        ValueError, RecursionError: it is no JSON, or over a megabyte.
        HTTPException: what answers speaks no HTTP.
    """
    body = b""
    with _Deadline(deadline_s) as deadline:
        opener = urllib.request.build_opener(_NoRedirect, _Http(deadline), _Https(deadline))
        with opener.open(url, timeout=_SILENCE_S) as response:
            while piece := response.read1(_MAX_BYTES):
                body += piece
                if len(body) > _MAX_BYTES:
                    raise ValueError("too long for a JWK Set")
        deadline.ensure_time()
    document: Mapping[str, Any] = json.loads(body)
    return document


class _Deadline:
    """Shuts connections down when its time is over.

    Timeouts of sockets are for one call each: who sends a byte now and then, in a TLS handshake or in the head of an
    answer, would hold us for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._over = threading.Event()
        self._watched: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()
        for connection in self._watched:
            connection.close()

    def watch(self, connection: socket.socket) -> None:
        # The descriptor is duplicated: wrapping in TLS takes the socket object's own away.
        self._watched.append(connection.dup())
        if self._over.is_set():
            self._cut()

    def ensure_time(self) -> None:
        """Raises TimeoutError where there is none left: an answer that was cut off looks like one that ended."""
        if self._over.is_set():
            raise TimeoutError("it takes too long")

    def _cut(self) -> None:
        self._over.set()
        for connection in self._watched:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Watched(http.client.HTTPConnection):
    deadline: _Deadline

    def connect(self) -> None:
        super().connect()
        self.deadline.watch(self.sock)


class _WatchedTls(http.client.HTTPSConnection, _Watched):
    """Connects as `_Watched` does, and then shakes hands within the same deadline."""


class _Http(urllib.request.HTTPHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_made(_Watched, self._deadline), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_made(_WatchedTls, self._deadline), req)


def _made(kind: type[_Watched], deadline: _Deadline) -> Callable[..., http.client.HTTPConnection]:
    def make(host: str, **options: Any) -> http.client.HTTPConnection:  # noqa: ANN401 - those of `kind`
        connection = kind(host, **options)
        connection.deadline = deadline
        return connection

    return make


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The address is the operator's choice, not the answer's."""

    def redirect_request(self, *_args: object) -> None:
        return None
