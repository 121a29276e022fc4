"""A queue that tells how long each call took."""

from __future__ import annotations

from streetveil.observability.timing import Tell, timed
from streetveil.queue.base import Consumer, Handler, JobQueue


class MeasuredQueue:
    """A `JobQueue` around another."""

    def __init__(self, queue: JobQueue, tell: Tell) -> None:
        self._queue = queue
        self._tell = tell

    def put(self, job_id: str, *, delay_s: float = 0.0) -> None:
        with timed(self._tell, "put"):
            self._queue.put(job_id, delay_s=delay_s)

    def depth(self) -> int:
        with timed(self._tell, "depth"):
            return self._queue.depth()

    def consume(self, handler: Handler, *, threads: int) -> Consumer:
        return self._queue.consume(handler, threads=threads)

    def check(self) -> None:
        with timed(self._tell, "check"):
            self._queue.check()

    def close(self) -> None:
        self._queue.close()
