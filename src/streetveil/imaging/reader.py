"""Reading numbers out of hostile bytes that may not all have arrived yet."""

from __future__ import annotations

import struct

from streetveil.errors import UndecodableImageError


class MoreBytesNeeded(Exception):  # noqa: N818 - no error: the answer lies further on in the stream
    """The bytes so far do not decide it. Never leaves `streetveil.imaging`."""


class Reader:
    """The first bytes of a file, or all of them; every access is checked against what is there.

    Attributes:
        complete: the bytes are the whole file, so that what lies beyond their end is missing for good.
    """

    def __init__(self, data: bytes, *, complete: bool) -> None:
        self.data = data
        self.complete = complete

    def require(self, offset: int, count: int) -> None:
        """Makes sure that `count` bytes from `offset` on are there.

        Raises:
            MoreBytesNeeded: they are not, but may follow.
            UndecodableImageError: they are not, and nothing follows.
        """
        if offset < 0 or offset + count > len(self.data):
            if self.complete or offset < 0:
                raise UndecodableImageError("The file ends early: its lengths point beyond its end.")
            raise MoreBytesNeeded

    def take(self, offset: int, count: int) -> bytes:
        """`count` bytes from `offset` on; raises as `require` does."""
        self.require(offset, count)
        return self.data[offset : offset + count]

    def unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        """Integers at `offset`, as `struct` lays them out; raises as `require` does."""
        self.require(offset, struct.calcsize(layout))
        return struct.unpack_from(layout, self.data, offset)
