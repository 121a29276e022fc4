"""Whether a worker process is ready to take jobs, and if not, why."""

from __future__ import annotations

import threading
from typing import Any

from streetveil.worker.worker import Worker


class Readiness:
    """What the worker's health endpoint tells; written by the main thread, read by the endpoint's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason = "starting"
        self._worker: Worker | None = None

    def not_ready(self, reason: str) -> None:
        """The worker takes no jobs, because of `reason`."""
        with self._lock:
            self._reason = reason
            self._worker = None

    def ready(self, worker: Worker) -> None:
        """From now on the worker speaks for itself."""
        with self._lock:
            self._worker = worker

    def report(self) -> tuple[bool, dict[str, Any]]:
        """Whether it is ready, and details for people."""
        with self._lock:
            worker, reason = self._worker, self._reason
        if worker is None:
            return False, {"reason": reason}
        state = worker.state()
        details: dict[str, Any] = {"threads": state.threads, "busy": state.busy}
        return (True, details) if state.running else (False, details | {"reason": "draining"})
