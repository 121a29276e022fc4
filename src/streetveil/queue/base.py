"""What delivery promises: at least once, while the queue keeps its data. The database stays the truth about jobs:
ids lost with a queue are put again by `jobs/maintain`, and an id delivered twice is claimed only once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Handler = Callable[[str], None]
"""Works on the job of the id it is given. It deals with its own errors; one that escapes is logged, and a queue that
outlives the process delivers the id some more times, later and later."""


class Consumer(Protocol):
    """A running set of threads that take ids from a queue."""

    def stop(self, deadline_s: float) -> bool:
        """Takes no new ids, waits for those being worked on; True where all were done in time.

        What was not done in time is delivered again, to whoever consumes then.
        """
        ...

    @property
    def busy(self) -> int:
        """How many ids are being worked on right now."""
        ...


class JobQueue(Protocol):
    """Ids of jobs that wait for a worker. Safe to call from several threads at once.

    Every method raises QueueUnavailableError where the queue cannot be reached.
    """

    def put(self, job_id: str, *, delay_s: float = 0.0) -> None:
        """Makes `job_id` available to workers, after `delay_s` seconds."""
        ...

    def depth(self) -> int:
        """How many ids wait, delayed ones included, those being worked on not."""
        ...

    def consume(self, handler: Handler, *, threads: int) -> Consumer:
        """Starts `threads` threads that call `handler` with each id."""
        ...

    def check(self) -> None:
        """Returns where the queue works; raises QueueUnavailableError."""
        ...

    def close(self) -> None:
        """Releases what is held. The queue is not used afterwards."""
        ...
