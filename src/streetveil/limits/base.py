"""What counts requests and photos, as those who ask it see it."""

from __future__ import annotations

from typing import Protocol

RATE = "[1-9][0-9]{0,8}/(second|minute|hour|day)"
"""What a rate looks like: 100/second."""


class Limits(Protocol):
    """Counts for each name, a tenant's or an address's, on its own. Safe to call from several threads; may block."""

    def request(self, name: str) -> None:
        """Counts one request, or one more photo of a request with several.

        Raises:
            RateLimitedError: there were too many; it is not counted then.
        """
        ...

    def ensure_room(self, name: str, size: int) -> None:
        """Returns where one more photo of `size` bytes would fit; counts nothing.

        Raises:
            QuotaExceededError: it would not.
        """
        ...

    def photo(self, name: str, size: int) -> None:
        """Counts one photo of `size` bytes.

        Raises:
            QuotaExceededError: it does not fit any more; it is not counted then.
        """
        ...
