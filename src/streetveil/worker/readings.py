"""How busy a worker is, for metrics."""

from __future__ import annotations

from streetveil.observability import families
from streetveil.observability.readings import Ask, Reading
from streetveil.worker.worker import Worker


def worker_readings(worker: Worker) -> Ask:
    """What tells of the worker at each scrape."""

    def ask() -> list[Reading]:
        state = worker.state()
        return [Reading(families.THREADS, state.threads), Reading(families.BUSY, state.busy)]

    return ask
