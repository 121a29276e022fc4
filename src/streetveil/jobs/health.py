"""Whether what the service needs works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from streetveil.database.base import Database
from streetveil.domain.reports import DependencyState
from streetveil.errors import StreetveilError
from streetveil.queue.base import JobQueue
from streetveil.storage.base import ObjectStore


class Health:
    """Asks each dependency, one caller at a time.

    Asking writes to storage and costs money there, so an answer serves for `max_age_s` seconds, however many
    probes come.
    """

    def __init__(
        self,
        *,
        database: Database,
        storage: ObjectStore,
        queue: JobQueue,
        photos: Callable[[], None] | None = None,
        max_age_s: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`photos` raises where this process should work on photos and cannot."""
        self._checks: dict[str, Callable[[], None]] = {
            "database": database.check,
            "storage": storage.check,
            "queue": queue.check,
        } | ({} if photos is None else {"photos": photos})
        self._max_age_s = max_age_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._states: dict[str, DependencyState] = {}
        self._asked_at = float("-inf")

    def dependencies(self) -> dict[str, DependencyState]:
        """The state of `database`, `storage`, `queue`, and of `photos` where given; never raises a StreetveilError."""
        with self._lock:
            if self._monotonic() - self._asked_at >= self._max_age_s:
                self._states = {name: _state(check) for name, check in self._checks.items()}
                self._asked_at = self._monotonic()
            return dict(self._states)


def _state(check: Callable[[], None]) -> DependencyState:
    try:
        check()
    except StreetveilError as error:
        return DependencyState(ok=False, detail=error.detail, code=error.code)
    return DependencyState(ok=True)
