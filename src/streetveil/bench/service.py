"""The whole service: uploads over a socket, and their jobs until they are completed."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from streetveil.bench.client import Client
from streetveil.bench.photos import Uploads
from streetveil.bench.processes import Memory, core_seconds, family, memory
from streetveil.bench.program import Program
from streetveil.bench.sample import Sample
from streetveil.errors import MeasurementError

_LOOK_S = 1.0
_IDLE_S = 0.3
_LONG_S = 5.0
_PATIENCE_S = 120


@dataclass(slots=True, eq=False)
class RunningService:
    """A service that is ready, and what is known about it. A `Work`.

    A client keeps some more photos waiting than there are threads: once a second it asks for the state of the oldest
    until one is not completed, which is little more than once a photo, and uploads as many as were. What it uses
    itself is not counted as the service's processor time, what the answers take is; and it shares the cores, so that
    it is part of the photos per second.

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
    questions: int = 0
    _rate: float = 1.0

    def run(self, laps: int) -> Sample:
        """Works on `laps` laps.

        Time runs from the end of one job to that of another with all threads at work at both, by the clock of
        the service, which is this machine's. Processor time is that of all photos from the first upload until the last
        is completed, each with all that it takes.

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
        # While the last of `photos` is worked on, all threads are; and one photo may be tried again for long.
        total = photos + 1 + self.threads
        waiting: deque[str] = deque()
        ended: list[float] = []
        uploaded: list[str] = []
        own, used = time.process_time(), core_seconds(pids)
        fresh_at = time.monotonic()
        while len(ended) < total:
            while len(waiting) < window and len(uploaded) < total:
                uploaded.append(client.upload(next(self.uploads)))
                waiting.append(uploaded[-1])
            silent_s = time.monotonic() - fresh_at
            # threads overtake each other by little; but one photo that is tried again must not hide all others
            fresh = self._ended(client, waiting, look_at_all=silent_s > _LONG_S)
            ended += fresh
            if fresh:
                fresh_at = time.monotonic()
            elif silent_s > _LONG_S and len(ended) > photos:
                break
            elif silent_s > _PATIENCE_S:
                raise self._failed(f"The service completed no photo in {_PATIENCE_S} s.")
            if len(ended) < total:
                time.sleep(_LOOK_S)
        own, used = time.process_time() - own, core_seconds(pids) - used
        for job_id in uploaded:
            client.erase(job_id)
        self._until_idle()
        ended.sort()
        self.client_core_ms.append(1e3 * own / len(uploaded))
        self._rate = photos / (ended[photos] - ended[0])
        return Sample(photos, self._rate, used * photos / len(ended))

    def _ended(self, client: Client, waiting: deque[str], *, look_at_all: bool) -> list[float]:
        """When the oldest waiting jobs ended that have, up to the first that has not; they no longer wait."""
        ended = []
        for job_id in list(waiting):
            state = client.state(job_id)
            self.questions += 1
            if state.status == "failed":
                raise self._failed("A photo failed in the service.")
            if state.ended:
                waiting.remove(job_id)
                ended.append(state.changed_at)
            elif not look_at_all:
                break
        return ended

    def _until_idle(self) -> None:
        """Waits for the jobs that were being worked on when they were erased: the next work is to have the cores."""
        pids = self._pids()
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            before = core_seconds(pids)
            time.sleep(_IDLE_S)
            if core_seconds(pids) - before < 0.1 * _IDLE_S:
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
            "questions_per_upload": round(self.questions / len(answers), 2),
            "client_core_ms": round(statistics.median(self.client_core_ms), 2),
        }

    def _failed(self, what: str) -> MeasurementError:
        complaints = [program.complaints() for program in self.programs.values()]
        return MeasurementError("\n".join([what, *filter(None, complaints)]))

    def _pids(self) -> list[int]:
        return [pid for program in self.programs.values() for pid in family(program.pid)]
