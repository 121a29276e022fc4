"""A queue within one process, for the embedded service: honest threads, honest delays, nothing durable.

What it holds is lost with the process; `jobs/maintain` puts it again at the next start.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from typing import NamedTuple

import structlog

from streetveil.errors import QueueUnavailableError
from streetveil.observability.carried import carried, carrying
from streetveil.queue.base import Handler

_log = structlog.get_logger(__name__)


class Taken(NamedTuple):
    """An id, and what was in force where it was put."""

    job_id: str
    context: dict[str, str]


class MemoryQueue:
    """A `JobQueue` of ids by the moment they become due. An id that waits already is not put twice."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # (due, serial, id), soonest first; entries that `_due` no longer agrees with are void.
        self._heap: list[tuple[float, int, str]] = []
        self._due: dict[str, tuple[float, int]] = {}
        self._contexts: dict[str, dict[str, str]] = {}
        self._serial = itertools.count()
        self._closed = False

    def put(self, job_id: str, *, delay_s: float = 0.0) -> None:
        with self._changed:
            self._ensure_open()
            due = time.monotonic() + max(0.0, delay_s)
            waiting = self._due.get(job_id)
            if waiting is not None and waiting[0] <= due:
                return
            serial = next(self._serial)
            self._due[job_id] = (due, serial)
            self._contexts[job_id] = carried() or self._contexts.get(job_id, {})
            heapq.heappush(self._heap, (due, serial, job_id))
            # All, not one: the thread woken may go off to work, and another must then mind the next delay.
            self._changed.notify_all()

    def depth(self) -> int:
        with self._changed:
            self._ensure_open()
            return len(self._due)

    def consume(self, handler: Handler, *, threads: int) -> MemoryConsumer:
        with self._changed:
            self._ensure_open()
        return MemoryConsumer(self, handler, threads)

    def check(self) -> None:
        with self._changed:
            self._ensure_open()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self, stopping: threading.Event) -> Taken | None:
        """Waits for the next due id; None once `stopping` is set or the queue is closed."""
        with self._changed:
            while not (stopping.is_set() or self._closed):
                while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][:2]:
                    heapq.heappop(self._heap)
                if not self._heap:
                    self._changed.wait()
                    continue
                wait_s = self._heap[0][0] - time.monotonic()
                if wait_s > 0:
                    self._changed.wait(wait_s)
                    continue
                job_id = heapq.heappop(self._heap)[2]
                del self._due[job_id]
                return Taken(job_id, self._contexts.pop(job_id))
            return None

    def wake(self) -> None:
        """Makes waiting threads look again whether they are to stop."""
        with self._changed:
            self._changed.notify_all()

    def _ensure_open(self) -> None:
        if self._closed:
            raise QueueUnavailableError("The queue is closed: the service is stopping.")


class MemoryConsumer:
    """Threads that take ids from a `MemoryQueue`. They do not keep the process alive."""

    def __init__(self, queue: MemoryQueue, handler: Handler, threads: int) -> None:
        self._queue = queue
        self._handler = handler
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._busy = 0
        self._threads = [
            threading.Thread(target=self._run, name=f"worker-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def busy(self) -> int:
        with self._lock:
            return self._busy

    def stop(self, deadline_s: float) -> bool:
        self._stopping.set()
        self._queue.wake()
        end = time.monotonic() + deadline_s
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        while (taken := self._queue.take(self._stopping)) is not None:
            with self._lock:
                self._busy += 1
            try:
                with carrying(taken.context):
                    self._handle(taken.job_id)
            finally:
                with self._lock:
                    self._busy -= 1

    def _handle(self, job_id: str) -> None:
        try:
            self._handler(job_id)
        except Exception:  # noqa: BLE001 - the contract: logged, not retried; the thread lives on
            _log.exception("handler_failed", job_id=job_id)
