"""Who may reach the service, as it is set; and how HTTP says who one is (RFC 6750)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi.security import HTTPBearer

from streetveil import errors
from streetveil.access.base import Authenticator
from streetveil.domain.access import ANYONE, Principal, Scope

BEARER = HTTPBearer(
    scheme_name="token",
    bearerFormat="JWT",
    description="A JSON Web Token; docs/security.md says what must be in it.",
    auto_error=False,
)
"""How the OpenAPI document tells of tokens. It checks nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPolicy:
    """Whom the service answers.

    Attributes:
        authenticate: None where nobody is asked who they are.
        health: the scope that it takes to see /health and /health/ready; None: they are open.
        metrics: the same for /metrics.
    """

    authenticate: Authenticator | None
    health: Scope | None = None
    metrics: Scope | None = None

    def caller(self, authorization: Sequence[str]) -> Principal:
        """Who makes a request with these `Authorization` headers. May block.

        Raises:
            UnauthenticatedError: they do not say it, or the token does not hold.
            KeysUnavailableError: the token cannot be judged now.
        """
        if self.authenticate is None:
            return ANYONE
        if not authorization:
            raise errors.UnauthenticatedError("This needs a token: send it as `Authorization: Bearer TOKEN`.")
        scheme, _, token = authorization[0].partition(" ")
        if len(authorization) > 1 or scheme.lower() != "bearer":
            raise errors.UnauthenticatedError("There must be one Authorization header, of the form `Bearer TOKEN`.")
        return self.authenticate(token.strip(" "))


def challenge(error: errors.UnauthenticatedError | errors.ForbiddenError) -> str:
    """The value of `WWW-Authenticate` that belongs to an answer with this error."""
    if isinstance(error, errors.InsufficientScopeError):
        return f'Bearer error="insufficient_scope", scope="{error.scope}"'
    if isinstance(error, errors.InvalidTokenError):
        return 'Bearer error="invalid_token"'
    return "Bearer"
