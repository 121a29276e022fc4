"""How long a server took to answer, and whether it did."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from streetveil.errors import ConfigurationError, StreetveilError, UnavailableError


class Tell(Protocol):
    """Is told of each call; must be quick and raise nothing."""

    def __call__(self, operation: str, seconds: float, *, ok: bool) -> None:
        """`ok` is False where the server was to blame that it failed."""
        ...


@contextmanager
def timed(tell: Tell, operation: str) -> Iterator[None]:
    """Tells how long what is done inside took."""
    started = time.perf_counter()
    ok = False
    try:
        yield
        ok = True
    except StreetveilError as error:
        # Others are answers as well: that there is no such object, say.
        ok = not isinstance(error, UnavailableError | ConfigurationError)
        raise
    finally:
        tell(operation, time.perf_counter() - started, ok=ok)
