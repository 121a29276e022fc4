"""What is to be measured, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Section(StrEnum):
    """A part of the bench that can be asked for alone."""

    MODELS = "models"
    JOB = "job"
    SERVICE = "service"
    GROWTH = "growth"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured.

    Attributes:
        seconds: about how long, for all that is measured in rounds.
        threads: how many photos at once; each is measured.
        jobs: how many wait, at each point of that curve.
        servers: whether the service is also measured over the servers that the settings name.
    """

    sections: Sequence[Section]
    seconds: float
    rounds: int
    threads: Sequence[int]
    jobs: Sequence[int]
    servers: bool = False

    @property
    def speed_seconds(self) -> float:
        """Those of the first rounds, of everything but growth."""
        if Section.GROWTH not in self.sections:
            return self.seconds
        return 0 if len(self.sections) == 1 else self.seconds / 2
