"""Several kinds of work in turns: a machine that is busy with other things slows all of them alike."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from streetveil.bench.sample import Sample, Series

OnStep = Callable[[str], None]


class Work(Protocol):
    """A kind of work that can be done in whole laps over the same photos."""

    @property
    def name(self) -> str: ...

    @property
    def threads(self) -> int: ...

    def run(self, laps: int) -> Sample:
        """Does it, `laps` times over all photos, and says what it took."""
        ...


@dataclass(frozen=True, slots=True)
class ThreadedWork:
    """Something done in this process to each photo of a lap.

    Attributes:
        act: works on the photo of that number; called by `threads` threads at once.
        photos: of one lap.
    """

    name: str
    threads: int
    act: Callable[[int], object]
    photos: int

    def run(self, laps: int) -> Sample:
        numbers = _Numbers(laps * self.photos)
        everybody = threading.Barrier(self.threads)
        core = time.process_time()
        with ThreadPoolExecutor(self.threads) as pool:
            rates = list(pool.map(lambda _: self._share(numbers, everybody), range(self.threads)))
        return Sample(laps * self.photos, sum(rates), time.process_time() - core)

    def _share(self, numbers: Iterator[int], everybody: threading.Barrier) -> float:
        """One thread's photos per second, up to its own last one: waiting for the others is no part of it."""
        everybody.wait()
        begin, done = time.perf_counter(), 0
        for number in numbers:
            self.act(number % self.photos)
            done += 1
        return done / (time.perf_counter() - begin)


class _Numbers:
    """0 to `count`, each to one thread."""

    def __init__(self, count: int) -> None:
        self._left = iter(range(count))
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        with self._lock:
            return next(self._left)


def steps(works: Sequence[Work], rounds: int) -> int:
    """How often `alternate` reports."""
    return len(works) * (rounds + 1)


def alternate(works: Sequence[Work], *, rounds: int, seconds: float, on_step: OnStep = lambda _: None) -> list[Series]:
    """Every kind of work in every round, for about `seconds` in all, after a lap of each to warm up.

    The order turns round each time, so that neither of two is always the one on the hotter machine.
    """
    share = seconds / (rounds * len(works))
    laps = []
    for work in works:
        on_step(f"{work.name}, warming up")
        begin = time.perf_counter()
        work.run(1)
        laps.append(max(1, round(share / (time.perf_counter() - begin))))
    samples: dict[int, list[Sample]] = {index: [] for index in range(len(works))}
    for number in range(rounds):
        order = list(enumerate(works))
        for index, work in order if number % 2 == 0 else reversed(order):
            on_step(f"{work.name}, {work.threads} at once, round {number + 1} of {rounds}")
            samples[index].append(work.run(laps[index]))
    return [Series(work.name, work.threads, samples[index]) for index, work in enumerate(works)]
