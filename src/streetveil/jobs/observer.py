"""Who is told what happens to jobs, to count it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from streetveil.domain.measurements import NO_CODE, Measurements


class JobObserver(Protocol):
    """Is called by any thread, beside the work: must be quick and raise nothing."""

    def uploaded(self, result: str) -> None:
        """A photo was handed in: `accepted`, or `repeated` where it was known. Who refuses one counts that."""
        ...

    def stage(self, name: str, seconds: float) -> None:
        """One of `STAGES` is over."""
        ...

    def photo(self, measured: Measurements) -> None:
        """A photo was worked on."""
        ...

    def retried(self, code: str) -> None:
        """An attempt failed for this, and will be made again."""
        ...

    def ended(self, status: str, code: str = NO_CODE, *, seconds: float | None = None) -> None:
        """A job ended in this status; `seconds` since its submission where there is a result."""
        ...


class Unobserved:
    """The observer where nobody counts."""

    def uploaded(self, result: str) -> None:
        """Counts nothing, as all here."""

    def stage(self, name: str, seconds: float) -> None: ...

    def photo(self, measured: Measurements) -> None: ...

    def retried(self, code: str) -> None: ...

    def ended(self, status: str, code: str = NO_CODE, *, seconds: float | None = None) -> None: ...


class Observers:
    """Tells several."""

    def __init__(self, *observers: JobObserver) -> None:
        self._observers = observers

    def uploaded(self, result: str) -> None:
        """As `JobObserver` has it, as all here."""
        for observer in self._observers:
            observer.uploaded(result)

    def stage(self, name: str, seconds: float) -> None:
        for observer in self._observers:
            observer.stage(name, seconds)

    def photo(self, measured: Measurements) -> None:
        for observer in self._observers:
            observer.photo(measured)

    def retried(self, code: str) -> None:
        for observer in self._observers:
            observer.retried(code)

    def ended(self, status: str, code: str = NO_CODE, *, seconds: float | None = None) -> None:
        for observer in self._observers:
            observer.ended(status, code, seconds=seconds)


@contextmanager
def staged(observer: JobObserver, name: str) -> Iterator[None]:
    """Tells how long a stage took that did not fail."""
    started = time.perf_counter()
    yield
    observer.stage(name, time.perf_counter() - started)
