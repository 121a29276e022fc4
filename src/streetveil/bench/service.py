"""The whole service: uploads over a socket, and their jobs until they are completed."""

from __future__ import annotations

import bisect
import statistics
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streetveil.bench.client import Client
from streetveil.bench.photos import Uploads
from streetveil.bench.processes import Memory, core_seconds, family, memory
from streetveil.bench.program import Program
from streetveil.bench.sample import Sample
from streetveil.errors import MeasurementError

_LOOK_S = 0.3
_LONG_S = 5.0
_PATIENCE_S = 120


@dataclass(slots=True, eq=False)
class RunningService:
    """A service that is ready, and what is known about it. A `Work`.

    A client keeps some more photos waiting than there are threads: it uploads one whenever one is completed, and
    asks for the state of those that are next, as clients do. What it uses itself is not counted as the service's
    processor time, but it shares the cores, so that it is part of the photos per second.

    Attributes:
        programs: all processes of the service by their role; the first is the API.
        lap: photos of a lap.
        fields: options that go with every upload.
    """

    name: str
    threads: int
    programs: dict[str, Program]
    uploads: Uploads
    lap: int
    fields: Mapping[str, str] = field(default_factory=dict)
    startup_s: list[float] = field(default_factory=list)
    upload_s: list[float] = field(default_factory=list)
    client_core_ms: list[float] = field(default_factory=list)
    _rate: float = 1.0

    def run(self, laps: int) -> Sample:
        """Works on `laps` laps.

        Time runs from the end of one job to that of another with all threads at work at both, by the clock of
        the service, which is this machine's.

        Raises:
            MeasurementError: a photo was refused, or its job failed.
        """
        client = Client(next(iter(self.programs.values())).url, self.fields)
        try:
            return self._run(client, laps * self.lap)
        finally:
            self.upload_s += client.upload_s
            client.close()

    def _run(self, client: Client, photos: int) -> Sample:
        pids = self._pids()
        # as many as are worked on, and those of two looks
        window = 2 * self.threads + 1 + round(2 * _LOOK_S * self._rate)
        waiting: deque[str] = deque()
        ended: list[float] = []
        uploaded: list[str] = []
        used: list[tuple[float, float]] = []
        own = time.process_time()
        deadline = time.monotonic() + _PATIENCE_S
        while len(ended) <= photos:
            while len(waiting) < window:
                uploaded.append(client.upload(next(self.uploads)))
                waiting.append(uploaded[-1])
            used.append((time.time(), core_seconds(pids)))
            # threads overtake each other by little; but one photo that is tried again must not hide all others
            looked_at = len(waiting) if time.monotonic() > deadline - _PATIENCE_S + _LONG_S else self.threads
            fresh = self._ended(client, waiting, looked_at)
            if fresh:
                deadline = time.monotonic() + _PATIENCE_S
            elif time.monotonic() > deadline:
                raise self._failed(f"The service completed no photo in {_PATIENCE_S} s.")
            else:
                time.sleep(_LOOK_S)
            ended += fresh
        own = time.process_time() - own
        used.append((time.time(), core_seconds(pids)))
        for job_id in uploaded:
            client.erase(job_id)
        self._until_idle()
        ended.sort()
        begin, last = ended[0], ended[photos]
        self.client_core_ms.append(1e3 * own / len(ended))
        self._rate = photos / (last - begin)
        return Sample(photos, self._rate, _at(last, used) - _at(begin, used))

    def _ended(self, client: Client, waiting: deque[str], count: int) -> list[float]:
        """When those of the oldest waiting jobs ended that have; they no longer wait."""
        ended = []
        for job_id in list(waiting)[:count]:
            state = client.state(job_id)
            if state.status == "failed":
                raise self._failed("A photo failed in the service.")
            if state.ended:
                waiting.remove(job_id)
                ended.append(state.changed_at)
        return ended

    def _until_idle(self) -> None:
        """Waits for the jobs that were being worked on when they were erased: the next work is to have the cores."""
        pids = self._pids()
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            before = core_seconds(pids)
            time.sleep(_LOOK_S)
            if core_seconds(pids) - before < 0.1 * _LOOK_S:
                return

    def memory(self) -> dict[str, Memory]:
        """What each process has needed until now."""
        return {role: memory(family(program.pid)) for role, program in self.programs.items()}

    def as_dict(self) -> dict[str, object]:
        answers = sorted(self.upload_s)
        return {
            "name": self.name,
            "threads": self.threads,
            "startup_s": [round(seconds, 2) for seconds in self.startup_s],
            "memory": {role: held.as_dict() for role, held in self.memory().items()},
            "uploads": len(answers),
            "upload_p50_ms": round(1e3 * answers[len(answers) // 2], 1),
            "upload_p99_ms": round(1e3 * answers[int(len(answers) * 0.99)], 1),
            "client_core_ms": round(statistics.median(self.client_core_ms), 2),
        }

    def _failed(self, what: str) -> MeasurementError:
        complaints = [program.complaints() for program in self.programs.values()]
        return MeasurementError("\n".join([what, *filter(None, complaints)]))

    def _pids(self) -> list[int]:
        return [pid for program in self.programs.values() for pid in family(program.pid)]


def _at(moment: float, used: Sequence[tuple[float, float]]) -> float:
    """The processor time used until `moment`, between the two looks around it."""
    index = min(max(1, bisect.bisect(used, (moment, 0.0))), len(used) - 1)
    (before, low), (after, high) = used[index - 1], used[index]
    return low + (high - low) * (moment - before) / (after - before)
