"""A worker's health and metrics over HTTP: for the orchestrator that restarts it or waits for it, and Prometheus."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from streetveil.errors import ConfigurationError

Report = Callable[[], tuple[bool, dict[str, Any]]]
"""Whether the worker is ready, and what a person wants to know about it."""

Expose = Callable[[str], tuple[bytes, str]]
"""The metrics and their media type, for an `Accept` header."""


class HealthServer:
    """Answers `/health/live` always, `/health/ready` with 200 or 503 and the report, and `/metrics` with those.

    It does so in threads of its own.
    """

    def __init__(self, host: str, port: int, report: Report, expose: Expose | None = None) -> None:
        """Listens from now on; a port of 0 takes a free one.

        Raises:
            ConfigurationError: the port is taken, or the address is not one of this machine.
        """
        try:
            self._server = ThreadingHTTPServer((host, port), _handler_for(report, expose))
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {host} port {port}: {error.strerror or error}. "
                "Choose another with --health-host and --health-port."
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Starts answering."""
        self._thread.start()

    def stop(self) -> None:
        """Answers no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler_for(report: Report, expose: Expose | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds; a client that sends nothing holds a thread no longer

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/health/live":
                self._answer(HTTPStatus.OK, {"status": "live"})
            elif path in ("/health", "/health/ready"):
                ready, details = report()
                status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(status, {"status": "ready" if ready else "not ready"} | details)
            elif path == "/metrics" and expose is not None:
                self._send(HTTPStatus.OK, *expose(self.headers.get("Accept", "")))
            else:
                self._answer(HTTPStatus.NOT_FOUND, {"status": "not found"})

        def _answer(self, status: HTTPStatus, content: dict[str, Any]) -> None:
            self._send(status, json.dumps(content).encode(), "application/json")

        def _send(self, status: HTTPStatus, body: bytes, media_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Keeps the log free of probes, one every few seconds."""

    return Handler
