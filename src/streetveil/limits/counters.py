"""Counts over windows of time: shared by all processes in Redis, or this process's own."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import MemoryStorage, Storage
from limits.strategies import FixedWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter

_log = structlog.get_logger(__name__)

_T = TypeVar("_T")

# So long nobody waits again for a Redis that did not answer.
_PAUSE_S = 5.0


class _Strategies:
    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.sliding: RateLimiter = SlidingWindowCounterRateLimiter(storage)
        self.fixed: RateLimiter = FixedWindowRateLimiter(storage)


class Counters:
    """What has been used of a limit.

    While the shared counts cannot be reached, this process goes by its own: a limit is then kept by each process alone,
    and neither is everybody refused nor nobody.
    """

    def __init__(self, shared: Storage | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`shared` must wrap its errors (`wrap_exceptions=True`)."""
        self._own = _Strategies(MemoryStorage())
        self._shared = None if shared is None else _Strategies(shared)
        self._clock = clock
        self._own_until = -math.inf

    def take(self, item: RateLimitItem, name: str) -> bool:
        """Takes one of the last `item.get_expiry()` seconds' amount; False, and nothing taken, where none is left."""
        return self._ask(lambda strategies: strategies.sliding.hit(item, name))

    def frees_in(self, item: RateLimitItem, name: str) -> float:
        """Seconds until some of it is free again."""
        return self._ask(lambda strategies: _until(strategies.sliding, item, name))

    def fits(self, item: RateLimitItem, name: str, cost: int) -> bool:
        """Whether `cost` more fit into the window that began with the first of them."""
        return self._ask(lambda strategies: strategies.fixed.test(item, name, cost=cost))

    def add(self, item: RateLimitItem, name: str, cost: int) -> bool:
        """Counts `cost` more; False where they are more than fit, and then they are to be given back."""
        return self._ask(lambda strategies: strategies.fixed.hit(item, name, cost=cost))

    def give_back(self, item: RateLimitItem, name: str, cost: int) -> None:
        """Counts `cost` less."""
        key, seconds = item.key_for(name), item.get_expiry()
        self._ask(lambda strategies: strategies.storage.incr(key, seconds, amount=-cost))

    def ends_in(self, item: RateLimitItem, name: str) -> float:
        """Seconds until that window ends."""
        return self._ask(lambda strategies: _until(strategies.fixed, item, name))

    def _ask(self, question: Callable[[_Strategies], _T]) -> _T:
        if self._shared is not None and self._clock() >= self._own_until:
            try:
                return question(self._shared)
            except StorageError as error:
                self._own_until = self._clock() + _PAUSE_S
                _log.warning("limits_not_shared", cause=str(error.storage_error)[:200])
        return question(self._own)


def _until(strategy: RateLimiter, item: RateLimitItem, name: str) -> float:
    return strategy.get_window_stats(item, name).reset_time - time.time()
