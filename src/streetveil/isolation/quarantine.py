"""Remembers which files did harm of late, so that sending one again and again harms nobody again and again."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from streetveil.errors import DecoderCrashedError

_MOST = 1000


class Quarantine:
    """Files by their SHA-256; those that did harm twice are refused for a while. Safe to share by threads.

    Args:
        kept_s: how long a file is remembered after it last did harm.
        tries: how often it may.
    """

    def __init__(
        self, *, kept_s: float = 900.0, tries: int = 2, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._kept_s = kept_s
        self._tries = tries
        self._monotonic = monotonic
        self._lock = threading.Lock()
        # digest -> how often, the last error, and when; least recent first
        self._known: OrderedDict[bytes, tuple[int, DecoderCrashedError, float]] = OrderedDict()

    def check(self, data: bytes) -> None:
        """Lets the file pass, or not.

        Raises:
            DecoderCrashedError: what it did when it last did harm.
        """
        if not self._known:
            return  # nearly always: no digest of every photo
        digest = _digest(data)
        with self._lock:
            self._forget()
            count, error, _ = self._known.get(digest, (0, None, 0.0))
        if error is not None and count >= self._tries:
            raise type(error)(error.detail)

    def add(self, data: bytes, error: DecoderCrashedError) -> None:
        """Notes that the file did harm."""
        digest = _digest(data)
        with self._lock:
            count, _, _ = self._known.pop(digest, (0, None, 0.0))
            self._known[digest] = (count + 1, error, self._monotonic())
            self._forget()

    def _forget(self) -> None:
        oldest = self._monotonic() - self._kept_s
        while self._known and (len(self._known) > _MOST or next(iter(self._known.values()))[2] < oldest):
            self._known.popitem(last=False)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
