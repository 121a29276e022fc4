"""A worker: threads that process jobs, and one that tidies up from time to time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from streetveil.errors import StreetveilError
from streetveil.queue.base import Consumer, Handler, JobQueue

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What a worker is doing.

    Attributes:
        running: it takes jobs; False before the start, while draining and afterwards.
        busy: threads that are working on a job.
    """

    running: bool
    threads: int
    busy: int


class Worker:
    """Takes ids from a queue and processes their jobs.

    `maintain` (the recovery of `jobs/maintain`, usually) is called every `maintain_every_s` seconds in a thread
    of its own; what it raises is logged and it is called again.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        process: Handler,
        threads: int,
        maintain: Callable[[], object] | None = None,
        maintain_every_s: float = 60.0,
    ) -> None:
        self._queue = queue
        self._process = process
        self._threads = threads
        self._maintain = maintain
        self._maintain_every_s = maintain_every_s
        self._consumer: Consumer | None = None
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None

    def start(self) -> None:
        """Starts taking jobs; to be called once.

        Raises:
            QueueUnavailableError: the queue cannot be reached.
        """
        self._consumer = self._queue.consume(self._process, threads=self._threads)
        if self._maintain is not None:
            self._keeper = threading.Thread(target=self._keep, args=(self._maintain,), name="maintain", daemon=True)
            self._keeper.start()
        _log.info("worker_started", threads=self._threads)

    def stop(self, deadline_s: float) -> bool:
        """Takes no new jobs, waits for the running ones at most `deadline_s` seconds; True where all were done.

        Those that were not are finished after the next start.
        """
        self._stopping.set()
        end = time.monotonic() + deadline_s
        drained = self._consumer is None or self._consumer.stop(deadline_s)
        if self._keeper is not None:
            self._keeper.join(max(0.0, end - time.monotonic()))
        _log.info("worker_stopped", drained=drained)
        return drained

    def state(self) -> WorkerState:
        """What it is doing at this moment."""
        consumer = self._consumer
        return WorkerState(
            running=consumer is not None and not self._stopping.is_set(),
            threads=self._threads,
            busy=consumer.busy if consumer is not None else 0,
        )

    def _keep(self, maintain: Callable[[], object]) -> None:
        while not self._stopping.wait(self._maintain_every_s):
            try:
                maintain()
            except StreetveilError as error:
                _log.warning("maintain_failed", code=error.code, detail=error.detail)
            except Exception:  # noqa: BLE001 - logged with its traceback; the next round may do better
                _log.exception("maintain_crashed")
