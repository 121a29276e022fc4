"""Makes tokens, for services without an identity provider of their own."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from streetveil.access.keys import bind, shared_secret
from streetveil.domain.access import Principal, Scope
from streetveil.errors import ConfigurationError


class TokenIssuer:
    """Signs tokens with a shared secret or a private key."""

    def __init__(self, material: object, algorithm: str, *, issuer: str | None, audience: str | None) -> None:
        self._material = material
        self._algorithm = algorithm
        self._issuer = issuer
        self._audience = audience

    @classmethod
    def with_secret(cls, secret: str, *, issuer: str | None = None, audience: str | None = None) -> TokenIssuer:
        """HS256.

        Raises:
            ConfigurationError: the secret is too short.
        """
        key = shared_secret(secret)
        return cls(key.material, key.algorithms[0], issuer=issuer, audience=audience)

    @classmethod
    def with_private_key(cls, pem: bytes, *, issuer: str | None = None, audience: str | None = None) -> TokenIssuer:
        """RS256 or ES256, by the key.

        Raises:
            ConfigurationError: it is no private key that one of these takes.
        """
        try:
            private = load_pem_private_key(pem, password=None)
            bound = bind(private.public_key())
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigurationError("The key file holds no private key in PEM form without a password.") from error
        if bound is None:
            raise ConfigurationError("The private key must be RSA of at least 2048 bits or elliptic on P-256.")
        return cls(private, bound.algorithms[0], issuer=issuer, audience=audience)

    def token(self, principal: Principal, *, now: datetime, lifetime: timedelta) -> str:
        """A token that says who its bearer is and what they may do, for `lifetime` from `now` on."""
        claims: dict[str, object] = {
            "sub": principal.subject,
            "scope": scope_text(principal.scopes),
            "tenant": principal.tenant,
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "jti": secrets.token_urlsafe(12),
        }
        if self._issuer is not None:
            claims["iss"] = self._issuer
        if self._audience is not None:
            claims["aud"] = self._audience
        # PyJWT takes keys as text, bytes or objects; ours was checked above.
        return jwt.encode(claims, self._material, algorithm=self._algorithm)  # type: ignore[arg-type]


def scope_text(scopes: Collection[Scope]) -> str:
    """Scopes as tokens have them, in the order of their definition."""
    return " ".join(scope.value for scope in Scope if scope in scopes)
