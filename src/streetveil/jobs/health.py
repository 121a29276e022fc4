"""Whether what the service needs works."""

from __future__ import annotations

from collections.abc import Callable

from streetveil.database.base import Database
from streetveil.domain.reports import DependencyState
from streetveil.errors import StreetveilError
from streetveil.queue.base import JobQueue
from streetveil.storage.base import ObjectStore


class Health:
    """Asks each dependency."""

    def __init__(self, *, database: Database, storage: ObjectStore, queue: JobQueue) -> None:
        self._database = database
        self._storage = storage
        self._queue = queue

    def dependencies(self) -> dict[str, DependencyState]:
        """The state of `database`, `storage` and `queue`; never raises a StreetveilError."""
        return {
            "database": _state(self._database.check),
            "storage": _state(self._storage.check),
            "queue": _state(self._queue.check),
        }


def _state(check: Callable[[], None]) -> DependencyState:
    try:
        check()
    except StreetveilError as error:
        return DependencyState(ok=False, detail=error.detail)
    return DependencyState(ok=True)
