"""Uploads are parsed, hashed and stored in few threads: many would wait for each other and for Python's lock."""

from __future__ import annotations

import anyio

from streetveil.errors import OverloadedError


class UploadThreads:
    """`threads` of them, and room for `waiting` more uploads; whoever comes after those is turned away.

    An upload counts only while it needs a thread: clients on slow lines, however many, keep nobody out.
    """

    def __init__(self, threads: int, waiting: int) -> None:
        self._waiting = waiting
        self.limiter = anyio.CapacityLimiter(threads)

    def ensure_room(self) -> None:
        """To be asked before an upload's body is read: it would be answered late.

        Raises:
            OverloadedError: too many wait for a thread already.
        """
        if self.limiter.statistics().tasks_waiting >= self._waiting:
            raise OverloadedError(
                "More photos arrive than can be stored at this moment. Try again.", limit="waiting_uploads"
            )
