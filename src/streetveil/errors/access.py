"""Who may come in, and how often."""

from __future__ import annotations

from streetveil.errors.kinds import ForbiddenError, OverloadedError, UnauthenticatedError, UnavailableError


class InvalidTokenError(UnauthenticatedError):
    """The token does not hold: it has expired, was changed, or is of another issuer or audience."""

    code = "invalid_token"


class InsufficientScopeError(ForbiddenError):
    """The token holds, but lacks the scope that this takes."""

    code = "insufficient_scope"

    def __init__(self, detail: str, scope: str) -> None:
        super().__init__(detail)
        self.scope = scope


class KeysUnavailableError(UnavailableError):
    """The keys that tokens are checked with cannot be fetched from the identity provider."""

    code = "keys_unavailable"


class RateLimitedError(OverloadedError):
    """The caller asks for more in a short time than they may."""

    code = "rate_limited"


class QuotaExceededError(OverloadedError):
    """The tenant has sent as many photos, or bytes of them, as it may in a day."""

    code = "quota_exceeded"
