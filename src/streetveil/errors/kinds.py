"""Whose problem it is.

`api/errors.py` maps these few kinds to HTTP statuses. Neither it nor the command line ever looks at a single code.
"""

from __future__ import annotations

from streetveil.errors.base import StreetveilError


class MalformedRequestError(StreetveilError):
    """The request itself cannot be understood (HTTP 400)."""

    code = "malformed_request"


class StalledRequestError(StreetveilError):
    """The client stopped sending in the middle of its request (HTTP 408)."""

    code = "request_stalled"
    retryable = True


class UnauthenticatedError(StreetveilError):
    """The caller did not prove who they are (HTTP 401)."""

    code = "unauthenticated"


class ForbiddenError(StreetveilError):
    """The caller is known, but may not do this (HTTP 403)."""

    code = "forbidden"


class NotFoundError(StreetveilError):
    """What was asked for does not exist, or no longer (HTTP 404)."""

    code = "not_found"


class ConflictError(StreetveilError):
    """The request contradicts the present state (HTTP 409)."""

    code = "conflict"


class TooLargeError(StreetveilError):
    """More bytes than allowed (HTTP 413)."""

    code = "file_too_large"


class UnsupportedMediaError(StreetveilError):
    """The content is of a kind that is not handled (HTTP 415)."""

    code = "unsupported_format"


class UnprocessableError(StreetveilError):
    """The request is understood, but what it contains cannot be used (HTTP 422)."""

    code = "unprocessable"


class OverloadedError(StreetveilError):
    """Too much work is waiting; try again after `retry_after_s` seconds (HTTP 429).

    Attributes:
        limit: what is exceeded, for those who count it: one of `domain/measurements.py`'s `LIMITS`.
    """

    code = "queue_full"
    retryable = True

    def __init__(self, detail: str, retry_after_s: int = 5, *, limit: str = "queue") -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
        self.limit = limit


class UnavailableError(StreetveilError):
    """Something we depend on is down or refuses us; nothing is wrong with the request (HTTP 503)."""

    code = "dependency_unavailable"
    retryable = True


class ConfigurationError(StreetveilError):
    """The operator's settings cannot work; found at start-up where it can be known then."""

    code = "invalid_configuration"


class ModelError(StreetveilError):
    """A model is missing, damaged or not of a kind that can be used."""

    code = "model_unusable"
