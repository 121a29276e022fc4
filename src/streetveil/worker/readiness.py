"""Whether a worker process is ready to take jobs, and if not, why."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from streetveil.errors import StreetveilError
from streetveil.worker.worker import Worker


class Readiness:
    """What the worker's health endpoint tells; written by the main thread, read by the endpoint's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason = "starting"
        self._worker: Worker | None = None
        self._check: Callable[[], None] = lambda: None

    def not_ready(self, reason: str) -> None:
        """The worker takes no jobs, because of `reason`."""
        with self._lock:
            self._reason = reason
            self._worker = None

    def ready(self, worker: Worker, check: Callable[[], None] = lambda: None) -> None:
        """From now on the worker speaks for itself; `check` raises where it cannot work on photos."""
        with self._lock:
            self._worker = worker
            self._check = check

    def report(self) -> tuple[bool, dict[str, Any]]:
        """Whether it is ready, and details for people."""
        with self._lock:
            worker, check, reason = self._worker, self._check, self._reason
        if worker is None:
            return False, {"reason": reason}
        state = worker.state()
        details: dict[str, Any] = {"threads": state.threads, "busy": state.busy}
        if not state.running:
            return False, details | {"reason": "draining"}
        try:
            check()
        except StreetveilError as error:
            return False, details | {"reason": f"{error.detail} ({error.code})"}
        return True, details
