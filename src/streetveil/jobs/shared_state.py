"""What all processes of the service share, for metrics: queue, jobs, workers, and whether dependencies work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from streetveil.database.base import Database
from streetveil.domain.job import Clock, JobStatus, utc_now
from streetveil.domain.reports import DependencyState
from streetveil.errors import StreetveilError
from streetveil.jobs.health import Health
from streetveil.observability import families
from streetveil.observability.readings import Reading
from streetveil.observability.recent import Recent
from streetveil.queue.base import JobQueue

_log = structlog.get_logger(__name__)

_MAX_AGE_S = 5.0
# Asking storage costs money (`Health`).
_DEPENDENCIES_AGE_S = 60.0
# Prometheus waits ten seconds for all metrics together.
_PATIENCE_S = 2.0
_STATES = (JobStatus.SUBMITTED, JobStatus.PROCESSING, JobStatus.NEEDS_REVIEW)


class SharedState:
    """Asks database and queue, at a bounded cost, however often and by however many it is called."""

    def __init__(
        self,
        *,
        database: Database,
        queue: JobQueue,
        health: Health,
        max_queue_size: int,
        worker_silence: timedelta,
        max_age_s: float = _MAX_AGE_S,
        dependencies_age_s: float = _DEPENDENCIES_AGE_S,
        patience_s: float = _PATIENCE_S,
        clock: Clock = utc_now,
    ) -> None:
        """`worker_silence`: after how long without a sign of life a worker does not count."""
        self._database = database
        self._queue = queue
        self._max_queue_size = max_queue_size
        self._worker_silence = worker_silence
        self._clock = clock
        self._state = Recent(self._look, max_age_s=max_age_s, patience_s=patience_s)
        self._dependencies = Recent(health.dependencies, max_age_s=dependencies_age_s, patience_s=patience_s)

    def __call__(self) -> list[Reading]:
        """What is known; waits a moment for what is asked anew, and goes without it then."""
        state = self._state.get()
        readings = state.value if state.fresh else None
        return [
            Reading(families.CAPACITY, self._max_queue_size),
            Reading(families.SHARED_UP, 0 if readings is None else 1),
            *(readings or []),
            *_dependency_readings(self._dependencies.get().value or {}),
        ]

    def _look(self) -> list[Reading] | None:
        now = self._clock()
        try:
            depth = self._queue.depth()
            with self._database.snapshot() as snapshot:
                counts = snapshot.jobs.counts(tenant=None, since=now)
                oldest = snapshot.jobs.oldest_submission(tenant=None)
                workers = snapshot.workers.all()
                webhooks, unsealed = snapshot.webhooks.backlog(), snapshot.audit.backlog()
        except StreetveilError as error:
            _log.warning("shared_state_unknown", code=error.code, detail=error.detail)
            return None
        living = sum(now - worker.last_seen_at <= self._worker_silence for worker in workers)
        return [
            Reading(families.DEPTH, depth),
            Reading(families.OLDEST, _age_s(oldest, now)),
            Reading(families.WORKERS, living),
            *(Reading(families.IN_STATE, counts.get(state, 0), (state.value,)) for state in _STATES),
            Reading(families.WEBHOOKS_PENDING, webhooks.count),
            Reading(families.WEBHOOKS_OVERDUE, _age_s(webhooks.since, now)),
            Reading(families.UNSEALED, unsealed.count),
            Reading(families.SEAL_LAG, _age_s(unsealed.since, now)),
        ]


def _age_s(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


def _dependency_readings(states: Mapping[str, DependencyState]) -> list[Reading]:
    readings = [Reading(families.DEPENDENCY, int(state.ok), (name,)) for name, state in states.items()]
    return readings + [
        Reading(families.DEPENDENCY_CODE, 1, (name, state.code))
        for name, state in states.items()
        if state.code is not None
    ]
