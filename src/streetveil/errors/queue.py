"""The queue and its messages."""

from __future__ import annotations

from streetveil.errors.base import StreetveilError
from streetveil.errors.kinds import UnavailableError


class QueueUnavailableError(UnavailableError):
    """The queue cannot be reached or refuses us."""

    code = "queue_unavailable"


class MalformedMessageError(StreetveilError):
    """A message in the queue names no job: it was not written by this program, or was damaged."""

    code = "malformed_message"


class UnsupportedMessageError(StreetveilError):
    """A message in the queue was written by a newer version of the program."""

    code = "unsupported_message"
    retryable = True
