"""A small client of the service for load tests: connections that stay open, one per thread, standard library only.

http.client takes a fraction of the processor time of richer clients, and a load test often shares its machine with
the service that it measures.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT_S = 60.0
_CLOCK_LOOKS = 5
_IDLE_S = 2.0  # servers close connections that idle; a photo is not sent over one that may be gone


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    retry_after: str | None
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - it is JSON
        return json.loads(self.body)


class Client:
    """Talks to one service. Safe to share by threads.

    Args:
        url: of the service, without a trailing path of a route.
        token: for `Authorization: Bearer`; None: none.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url} is not the http:// or https:// address of a service.")
        self._make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port, self._base = parts.hostname, parts.port, parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._local = threading.local()

    def get(self, path: str) -> Answer:
        """One resource.

        Raises:
            OSError: there was no answer.
        """
        return self._request("GET", path, None, {})

    def upload(self, photo: bytes, filename: str, fields: Mapping[str, str]) -> Answer:
        """`POST /upload`.

        Raises:
            OSError: there was no answer.
        """
        boundary = secrets.token_hex(16)
        start = f"--{boundary}\r\nContent-Disposition: form-data; name="
        parts = [f'{start}"{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
        parts.append(f'{start}"file"; filename="{filename}"\r\nContent-Type: image/jpeg\r\n\r\n')
        body = "".join(parts).encode() + photo + f"\r\n--{boundary}--\r\n".encode()
        return self._request("POST", "/upload", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def clock_ahead_s(self) -> float:
        """How far the service's clock is ahead of ours: it says itself when a job was done.

        The quickest of some answers knows best; the first one may have waited for the service to start.

        Raises:
            OSError: there was no answer, or not the expected one.
        """
        return min(self._clock_told() for _ in range(_CLOCK_LOOKS))[1]

    def _clock_told(self) -> tuple[float, float]:
        """Seconds that the answer took, and by how many the service's clock seems to be ahead."""
        sent = time.time()
        answer = self.get("/queue-status")
        took = time.time() - sent
        if answer.status != 200:
            raise OSError(f"GET /queue-status answered {answer.status}: {answer.body[:300]!r}")
        stamp = answer.json()["timestamp"]
        there = float(stamp) if isinstance(stamp, int | float) else datetime.fromisoformat(stamp).timestamp()
        return took, there - (sent + took / 2)

    def _request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        connection = self._connection()
        try:
            connection.request(method, self._base + path, body, {**self._headers, **headers})
            response = connection.getresponse()
            answer = Answer(response.status, response.headers.get("Retry-After"), response.read())
        except (OSError, HTTPException) as error:
            connection.close()
            self._local.connection = None
            raise OSError(f"{type(error).__name__}: {error}") from error
        self._local.used = time.monotonic()
        return answer

    def _connection(self) -> HTTPConnection:
        connection: HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None and time.monotonic() - self._local.used < _IDLE_S:
            return connection
        if connection is not None:
            connection.close()
        self._local.connection = self._make(self._host, self._port, timeout=_TIMEOUT_S)
        self._local.used = time.monotonic()
        return self._local.connection  # type: ignore[no-any-return]
