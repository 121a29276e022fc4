"""What the service asks of whoever can tell callers apart."""

from __future__ import annotations

from typing import Protocol

from streetveil.domain.access import Principal


class Authenticator(Protocol):
    """Turns what a caller shows into who they are. Safe to call from several threads at once; may block."""

    def __call__(self, token: str, /) -> Principal:
        """The caller that the bearer token names.

        Raises:
            InvalidTokenError: the token does not hold; the message says why and repeats nothing of it.
            KeysUnavailableError: the keys to judge it by cannot be fetched now.
        """
        ...
