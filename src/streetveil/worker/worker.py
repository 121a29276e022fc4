"""A worker: threads that process jobs, and threads for what must be done again and again beside them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from streetveil.errors import StreetveilError
from streetveil.queue.base import Consumer, Handler, JobQueue

_log = structlog.get_logger(__name__)

# How long a chore in the middle of its round is waited for; being interrupted does none of them harm.
_CHORE_END_S = 5.0


@dataclass(frozen=True, slots=True)
class Chore:
    """Something done at the start and every `every_s` seconds; what it raises is logged."""

    name: str
    act: Callable[[], object]
    every_s: float


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
    """Takes ids from a queue and processes their jobs; does its chores in a thread each."""

    def __init__(self, *, queue: JobQueue, process: Handler, threads: int, chores: Sequence[Chore] = ()) -> None:
        self._queue = queue
        self._process = process
        self._threads = threads
        self._consumer: Consumer | None = None
        self._draining = threading.Event()
        self._stopped = threading.Event()
        self._chores = [
            threading.Thread(target=self._repeat, args=(chore,), name=chore.name, daemon=True) for chore in chores
        ]

    def start(self) -> None:
        """Starts taking jobs; to be called once.

        Raises:
            QueueUnavailableError: the queue cannot be reached.
        """
        self._consumer = self._queue.consume(self._process, threads=self._threads)
        for chore in self._chores:
            chore.start()
        _log.info("worker_started", threads=self._threads)

    def stop(self, deadline_s: float) -> bool:
        """Takes no new jobs, waits for the running ones at most `deadline_s` seconds; True where all were done.

        Those that were not are finished by another worker or after the next start.
        """
        self._draining.set()
        drained = self._consumer is None or self._consumer.stop(deadline_s)
        # Only now: while jobs run, their leases must be extended.
        self._stopped.set()
        for chore in self._chores:
            if chore.is_alive():
                chore.join(_CHORE_END_S)
        _log.info("worker_stopped", drained=drained)
        return drained

    def state(self) -> WorkerState:
        """What it is doing at this moment."""
        consumer = self._consumer
        return WorkerState(
            running=consumer is not None and not self._draining.is_set(),
            threads=self._threads,
            busy=consumer.busy if consumer is not None else 0,
        )

    def _repeat(self, chore: Chore) -> None:
        while not self._stopped.is_set():
            try:
                chore.act()
            except StreetveilError as error:
                _log.warning("chore_failed", chore=chore.name, code=error.code, detail=error.detail)
            except Exception:  # noqa: BLE001 - logged with its traceback; the next round may do better
                _log.exception("chore_crashed", chore=chore.name)
            self._stopped.wait(chore.every_s)
