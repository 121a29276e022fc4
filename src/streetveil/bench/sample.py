"""One measurement of one kind of work, and many of them together."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """Some photos, worked on without a pause.

    Attributes:
        photos: how many.
        rate: photos per second of wall time, with all threads at work.
        core_s: seconds of processor time that the work took, over all its threads and processes.
    """

    photos: int
    rate: float
    core_s: float

    @property
    def core_ms(self) -> float:
        """Milliseconds of one core for one photo."""
        return 1e3 * self.core_s / self.photos


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one kind of work, one per round.

    Attributes:
        name: what was done.
        threads: how many photos were in hand at once.
    """

    name: str
    threads: int
    samples: Sequence[Sample]

    @property
    def rate(self) -> float:
        """Photos per second, the median."""
        return statistics.median(sample.rate for sample in self.samples)

    @property
    def core_ms(self) -> float:
        """Milliseconds of one core for one photo, the median."""
        return statistics.median(sample.core_ms for sample in self.samples)

    def as_dict(self) -> dict[str, object]:
        return {
            "name": self.name,
            "threads": self.threads,
            "photos": sum(sample.photos for sample in self.samples),
            "photos_per_s": _figures([sample.rate for sample in self.samples]),
            "core_ms": _figures([sample.core_ms for sample in self.samples]),
        }


@dataclass(frozen=True, slots=True)
class Ratio:
    """How much of one kind of work's speed another keeps.

    Attributes:
        wall: of photos per second; the median over the rounds, each compared within itself.
        spread: the least and the most of the rounds.
        core: of processor time for one photo, which other work on the machine hardly changes.
    """

    name: str
    threads: int
    wall: float
    spread: tuple[float, float]
    core: float

    def as_dict(self) -> dict[str, object]:
        return {
            "name": self.name,
            "threads": self.threads,
            "wall": round(self.wall, 3),
            "wall_min": round(self.spread[0], 3),
            "wall_max": round(self.spread[1], 3),
            "core": round(self.core, 3),
        }


def ratio(name: str, series: Series, base: Series) -> Ratio:
    """`series` over `base`, round by round; both were measured in the same rounds."""
    pairs = list(zip(series.samples, base.samples, strict=True))
    walls = [mine.rate / theirs.rate for mine, theirs in pairs]
    cores = [theirs.core_ms / mine.core_ms for mine, theirs in pairs]
    return Ratio(name, series.threads, statistics.median(walls), (min(walls), max(walls)), statistics.median(cores))


def _figures(values: Sequence[float]) -> dict[str, float]:
    summary: dict[str, Callable[[Sequence[float]], float]] = {"median": statistics.median, "min": min, "max": max}
    return {name: round(of(values), 3) for name, of in summary.items()}
