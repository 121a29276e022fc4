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


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured.

    Attributes:
        seconds: about how long, for all that is measured in rounds.
        threads: how many photos at once; each is measured.
        servers: whether the service is also measured over the servers that the settings name.
    """

    sections: Sequence[Section]
    seconds: float
    rounds: int
    threads: Sequence[int]
    servers: bool = False
