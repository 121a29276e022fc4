"""Everything that one run of the bench measured. docs/performance.md documents its JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streetveil.bench.growth import MeasuredCurve
from streetveil.bench.sample import Ratio, Series
from streetveil.domain.measurements import Task

SCHEMA = 1
"""Raised when a field changes its meaning or goes; new ones may come at any time."""


@dataclass(slots=True)
class Report:
    """The figures, in the order in which they were measured.

    Attributes:
        machine: see `machine.py`.
        photos: what was measured on, and what was found in it.
        profile: how thoroughly was looked.
        classes: what was redacted; where plates are not among them, none are looked for.
        tuned: the models that run in another variant than the converted one, by their task.
        series: kinds of work that took turns, so that they compare.
        ratios: between those.
        breakdown: where the processor time of a whole job goes.
        growth: how the cost of one thing grows with another.
        services: start-up, memory and answers of each service that was measured.
    """

    machine: Mapping[str, object]
    photos: Mapping[str, object] = field(default_factory=dict)
    profile: str = ""
    classes: Sequence[str] = ()
    tuned: Mapping[Task, str] = field(default_factory=dict)
    series: Sequence[Series] = ()
    ratios: Sequence[Ratio] = ()
    breakdown: Sequence[Mapping[str, float]] = ()
    growth: Sequence[MeasuredCurve] = ()
    services: Sequence[Mapping[str, object]] = ()

    def as_dict(self) -> dict[str, object]:
        return {
            "schema": SCHEMA,
            "machine": dict(self.machine),
            "profile": self.profile,
            "classes": list(self.classes),
            "tuned": dict(self.tuned),
            "photos": dict(self.photos),
            "series": [series.as_dict() for series in self.series],
            "ratios": [ratio.as_dict() for ratio in self.ratios],
            "breakdown": [dict(row) for row in self.breakdown],
            "growth": [curve.as_dict() for curve in self.growth],
            "services": [dict(service) for service in self.services],
        }
