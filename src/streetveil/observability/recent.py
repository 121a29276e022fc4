"""Answers that take a while, for those who cannot wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, NamedTuple, TypeVar

import structlog

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class Answer(NamedTuple, Generic[T]):
    """The latest answer.

    Attributes:
        value: None where there was none yet, or the last one was an error.
        fresh: whether it is as young as it should be.
    """

    value: T | None
    fresh: bool


class Recent(Generic[T]):
    """Asks in a thread of its own, one at a time, however many want to know and however long it takes."""

    def __init__(
        self,
        ask: Callable[[], T],
        *,
        max_age_s: float,
        patience_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`max_age_s`: how old a fresh answer may be; `patience_s`: how long one is waited for."""
        self._ask = ask
        self._max_age_s = max_age_s
        self._patience_s = patience_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._asking: Future[None] | None = None
        self._value: T | None = None
        self._asked_at = float("-inf")

    def get(self) -> Answer[T]:
        """The latest answer, or a newer one where that comes in time."""
        with self._lock:
            if self._is_fresh():
                return Answer(self._value, fresh=True)
            if self._asking is None:
                self._asking = Future()
                threading.Thread(target=self._run, args=(self._asking,), name="recent", daemon=True).start()
            asking = self._asking
        try:
            asking.result(self._patience_s)
        except TimeoutError:
            return Answer(self._value, fresh=False)
        return Answer(self._value, fresh=True)

    def _is_fresh(self) -> bool:
        return self._monotonic() - self._asked_at < self._max_age_s

    def _run(self, asking: Future[None]) -> None:
        value: T | None = None
        try:
            value = self._ask()
        except Exception:  # noqa: BLE001 - who waits learns that there is no answer
            _log.exception("not_answered")
        finally:
            with self._lock:
                self._value = value
                self._asked_at = self._monotonic()
                self._asking = None
            asking.set_result(None)
