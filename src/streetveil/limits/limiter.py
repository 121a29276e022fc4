"""A rate of requests, and quotas of photos and bytes in a day."""

from __future__ import annotations

import math
import re

from limits import RateLimitItem, RateLimitItemPerDay, parse

from streetveil.errors import ConfigurationError, QuotaExceededError, RateLimitedError
from streetveil.limits.base import RATE
from streetveil.limits.counters import Counters


class Limiter:
    """Keeps the limits that are given; what is None is not limited and costs nothing."""

    def __init__(
        self,
        counters: Counters,
        *,
        rate: str | None = None,
        photos_per_day: int | None = None,
        bytes_per_day: int | None = None,
    ) -> None:
        """Raises ConfigurationError where the rate is none."""
        self._counters = counters
        self._rate = None if rate is None else _parsed(rate)
        self._photos = None if photos_per_day is None else RateLimitItemPerDay(photos_per_day, namespace="photos")
        self._bytes = None if bytes_per_day is None else RateLimitItemPerDay(bytes_per_day, namespace="bytes")

    def request(self, name: str) -> None:
        """As `base.Limits`."""
        if self._rate is not None and not self._counters.take(self._rate, name):
            raise RateLimitedError(
                f"More requests than {_told(self._rate)} are not taken.",
                retry_after_s=_whole(self._counters.frees_in(self._rate, name)),
                limit="rate",
            )

    def ensure_room(self, name: str, size: int) -> None:
        """As `base.Limits`."""
        for item, cost in self._quotas(size):
            if not self._counters.fits(item, name, cost):
                raise self._exceeded(item, name)

    def photo(self, name: str, size: int) -> None:
        """As `base.Limits`. Counted first and judged by what that makes: photos may come at the same moment."""
        counted = []
        for item, cost in self._quotas(size):
            fits = self._counters.add(item, name, cost)
            counted.append((item, cost))
            if not fits:
                for each, taken in counted:
                    self._counters.give_back(each, name, taken)
                raise self._exceeded(item, name)

    def _quotas(self, size: int) -> list[tuple[RateLimitItem, int]]:
        return [(item, cost) for item, cost in ((self._photos, 1), (self._bytes, size)) if item is not None]

    def _exceeded(self, item: RateLimitItem, name: str) -> QuotaExceededError:
        return QuotaExceededError(
            f"The quota of {item.amount} {item.namespace} in a day is used up, or would be exceeded by this photo.",
            retry_after_s=_whole(self._counters.ends_in(item, name)),
            limit=f"{item.namespace}_per_day",
        )


def _parsed(rate: str) -> RateLimitItem:
    if not re.fullmatch(RATE, rate):
        raise ConfigurationError("a rate is a number and second, minute, hour or day: 100/second.")
    item = parse(rate)
    item.namespace = "rate"
    return item


def _told(rate: RateLimitItem) -> str:
    return f"{rate.amount} in a {rate.GRANULARITY.name}"


def _whole(seconds: float) -> int:
    return max(1, math.ceil(seconds))
