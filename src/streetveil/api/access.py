"""Who may reach the service, as it is set; and how HTTP says who one is (RFC 6750)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

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
        own_names: the names by which the service may be called, beside loopback addresses; None: any. Where nobody is
            asked, a web page whose name leads to this machine (DNS rebinding), or that posts to it, could else do what
            its reader may.
        health: the scope that it takes to see /health and /health/ready; None: they are open.
        metrics: the same for /metrics.
    """

    authenticate: Authenticator | None
    own_names: frozenset[str] | None = None
    health: Scope | None = None
    metrics: Scope | None = None

    def ensure_own_name(self, hosts: Sequence[str], origins: Sequence[str]) -> None:
        """Returns where a request with these `Host` and `Origin` headers means this service, and no other asks for it.

        Raises:
            ForbiddenError: it is called by a name that is not its own, or by a web page of another.
        """
        called_by = [origin.partition("://")[2] for origin in origins]  # nothing, of the origin `null`, is not ours
        if self.own_names is not None and not all(_is_own(host, self.own_names) for host in (*hosts, *called_by)):
            raise errors.ForbiddenError(
                "Without tokens the service answers only to names of its own machine, as http://127.0.0.1:8000, and to "
                "no web page of another."
            )

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


@lru_cache(maxsize=16)  # strangers choose these, and how long they are
def _is_own(host: str, names: frozenset[str]) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in names:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def challenge(error: errors.UnauthenticatedError | errors.InsufficientScopeError) -> str:
    """The value of `WWW-Authenticate` that belongs to an answer with this error."""
    if isinstance(error, errors.InsufficientScopeError):
        return f'Bearer error="insufficient_scope", scope="{error.scope}"'
    if isinstance(error, errors.InvalidTokenError):
        return 'Bearer error="invalid_token"'
    return "Bearer"
