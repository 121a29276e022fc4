"""Synchronous redactions share few slots: each takes a processor core and the memory of a decoded photo."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from streetveil.errors import OverloadedError


class RedactionSlots:
    """`concurrent` slots and room for `waiting` more requests; whoever comes after those is turned away."""

    def __init__(self, concurrent: int, waiting: int) -> None:
        self._slots = anyio.CapacityLimiter(concurrent)
        self._room = concurrent + waiting
        self.inside = 0

    def ensure_room(self) -> None:
        """To be asked before a photo is read.

        Raises:
            OverloadedError: too many photos are here already.
        """
        if self.inside >= self._room:
            raise OverloadedError(
                "Too many photos are being redacted at this moment; /upload queues them.", limit="waiting_redactions"
            )

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Held while a photo that has arrived waits and is redacted: who sends slowly keeps no place.

        Raises:
            OverloadedError: as `ensure_room`.
        """
        self.ensure_room()
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    @property
    def limiter(self) -> anyio.CapacityLimiter:
        """Bounds the threads that redact."""
        return self._slots
