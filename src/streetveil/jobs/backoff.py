"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with jitter, so that jobs which failed together do not come back together.

    Attributes:
        first_s: mean of the first delay, doubled with each attempt.
        longest_s: no delay is longer.
        jitter: a number from 0 to 1 at each call.
    """

    first_s: float = 2.0
    longest_s: float = 300.0
    jitter: Callable[[], float] = random.random

    def delay_s(self, attempt: int) -> float:
        """Seconds to wait after attempt number `attempt` (1, 2, ...) failed: half to one and a half of the mean."""
        mean = self.first_s * 2.0 ** min(max(attempt, 1) - 1, 30)
        return min(self.longest_s, mean * (0.5 + self.jitter()))
