"""When photos are sent, and what became of them: the scenarios and figures of load tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

COUNTS = ("accepted", "completed", "refused_429", "failed", "lost", "unexpected_answers", "dropped")


@dataclass(frozen=True)
class Scenario:
    """Uploads over time.

    Attributes:
        start: uploads per second at the beginning.
        stages: uploads per second at the end of each, and its length in seconds; evenly rising or falling between.
        promised: whether the time to the result is among the thresholds.
    """

    name: str
    start: float
    stages: tuple[tuple[float, float], ...]
    promised: bool = True

    def arrivals(self) -> Iterator[float]:
        """When each upload is due, in seconds since the beginning."""
        begin, rate, owed = 0.0, self.start, 1.0  # the first one is due at once
        for target, length in self.stages:
            steps = max(1, round(length * 1000))
            for step in range(steps):
                if owed >= 1:
                    owed -= 1
                    yield begin + step * length / steps
                owed += (rate + (target - rate) * step / steps) * length / steps
            begin, rate = begin + length, target


def scenarios(names: Sequence[str], rate: float, peak: float, duration: float | None) -> list[Scenario]:
    """The scenarios of these names, in this order.

    Raises:
        ValueError: there is no such scenario.
    """
    spike = ((5, 5), (peak, 2), (peak, duration or 60), (5, 2), (5, 5))
    known = {
        "smoke": Scenario("smoke", 1, ((1, 5),)),
        "steady": Scenario("steady", rate, ((rate, duration or 60),)),
        "spike": Scenario("spike", 5, spike, promised=False),
        "soak": Scenario("soak", rate, ((rate, duration or 1800),)),
    }
    if unknown := set(names) - known.keys():
        raise ValueError(f"there is no scenario {', '.join(sorted(unknown))}, only {', '.join(known)}")
    return [known[name] for name in names]


@dataclass
class Figures:
    """What became of the uploads of one scenario; times in seconds."""

    scenario: Scenario
    counts: Counter[str] = field(default_factory=Counter)
    upload_s: list[float] = field(default_factory=list)
    end_to_end_s: list[float] = field(default_factory=list)
    complaints: Counter[str] = field(default_factory=Counter)

    def thresholds(self) -> dict[str, bool]:
        """Each threshold, and whether it was kept."""
        kept = {f"{name} == 0": self.counts[name] == 0 for name in ("lost", "failed", "unexpected_answers", "dropped")}
        kept["upload p99 < 1 s"] = percentile(self.upload_s, 99) < 1
        if self.scenario.promised:
            kept["end to end p95 < 60 s"] = percentile(self.end_to_end_s, 95) < 60
        return kept

    def as_dict(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario.name,
            **{name: self.counts[name] for name in COUNTS},
            "upload_seconds": _percentiles(self.upload_s),
            "end_to_end_seconds": _percentiles(self.end_to_end_s),
            "thresholds": self.thresholds(),
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` percent do not exceed; 0 of none."""
    return sorted(values)[max(0, -(-len(values) * int(share) // 100) - 1)] if values else 0.0


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    shares = {"median": 50, "p95": 95, "p99": 99, "max": 100}
    return {name: round(percentile(values, share), 3) for name, share in shares.items()}
