"""Talks to a running service as its users do: over a socket, in HTTP, one photo an upload."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from streetveil.errors import MeasurementError

_TIMEOUT_S = 60
_ENDED = {"completed", "failed"}


@dataclass(frozen=True, slots=True)
class State:
    """How far a job is; `changed_at` in seconds since 1970 by the service's clock."""

    status: str
    changed_at: float

    @property
    def ended(self) -> bool:
        return self.status in _ENDED


class Client:
    """One connection, kept open. For one thread."""

    def __init__(self, url: str, fields: Mapping[str, str] | None = None) -> None:
        """`fields` are the options sent with every photo."""
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
        self._fields = dict(fields or {})
        self.upload_s: list[float] = []
        """Seconds until each upload was answered."""

    def close(self) -> None:
        self._connection.close()

    def ready(self) -> bool:
        """Whether the service can work; False where nobody answers."""
        try:
            return self._ask("GET", "/health/ready")[0] == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return False

    def upload(self, photo: bytes) -> str:
        """The id of the job of a photo.

        Raises:
            MeasurementError: it was not accepted.
        """
        boundary = secrets.token_hex(16)
        part = f"--{boundary}\r\nContent-Disposition: form-data; name="
        head = "".join(f'{part}"{name}"\r\n\r\n{value}\r\n' for name, value in self._fields.items())
        head += f'{part}"file"; filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        body = b"".join([head.encode(), photo, f"\r\n--{boundary}--\r\n".encode()])
        begin = time.perf_counter()
        status, answer = self._ask(
            "POST", "/upload", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        )
        self.upload_s.append(time.perf_counter() - begin)
        return str(_expected(http.HTTPStatus.ACCEPTED, status, answer)["job_id"])

    def state(self, job_id: str) -> State:
        """How far a job is.

        Raises:
            MeasurementError: the service does not say.
        """
        status, answer = self._ask("GET", f"/status/{job_id}")
        found = _expected(http.HTTPStatus.OK, status, answer)
        return State(found["status"], found["updated_at"])

    def erase(self, job_id: str) -> None:
        """Erases a job with its images; one that waits is not begun any more."""
        self._ask("DELETE", f"/jobs/{job_id}")

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        self._connection.request(method, path, body, dict(headers or {}))
        answer = self._connection.getresponse()
        return answer.status, answer.read()


def _expected(wanted: int, status: int, answer: bytes) -> dict[str, Any]:
    if status != wanted:
        raise MeasurementError(f"The service answered {status}: {answer.decode('utf-8', 'replace')[:300]}")
    content: dict[str, Any] = json.loads(answer)
    return content
