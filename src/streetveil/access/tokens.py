"""JSON Web Tokens (RFC 7519), checked by the rules of RFC 8725 and read as RFC 9068 writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt

from streetveil.access.keys import KeySource
from streetveil.domain.access import DEFAULT_TENANT, Principal, Scope, is_tenant
from streetveil.errors import InvalidTokenError

MAX_TOKEN_BYTES = 8192
_MAX_SUBJECT = 255
_REQUIRED = ("exp", "sub")
_TIMES = ("exp", "nbf", "iat")


class JwtAuthenticator:
    """An `Authenticator` for signed tokens.

    Args:
        keys: decides which algorithm a token may use; what the token says of it must agree.
        issuer: what `iss` must be; None where no such claim is asked for.
        audience: what `aud` must be or have in it; None: tokens are for nobody in particular, and one that names
            somebody is not for us (RFC 7519, section 4.1.3).
        leeway_s: how far clocks may be apart.
    """

    def __init__(
        self, keys: KeySource, *, issuer: str | None = None, audience: str | None = None, leeway_s: float = 30
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._leeway_s = leeway_s

    def __call__(self, token: str, /) -> Principal:
        if len(token) > MAX_TOKEN_BYTES:
            raise InvalidTokenError("The token is too long.")
        header = _header(token)
        key = self._keys.key(header.get("kid"))
        if key is None:
            raise InvalidTokenError("The token is signed with a key that is not known here.")
        required = list(_REQUIRED)
        required += ["iss"] if self._issuer is not None else []
        required += ["aud"] if self._audience is not None else []
        try:
            claims = jwt.decode(
                token,
                key.material,
                algorithms=list(key.algorithms),
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway_s,
                options={"require": required},
            )
        except jwt.ExpiredSignatureError as error:
            raise InvalidTokenError("The token has expired.") from error
        except jwt.ImmatureSignatureError as error:
            raise InvalidTokenError("The token is not valid yet.") from error
        except jwt.MissingRequiredClaimError as error:
            raise InvalidTokenError(f"The token lacks the claim {error.claim}.") from error
        except (jwt.InvalidAudienceError, jwt.InvalidIssuerError) as error:
            raise InvalidTokenError("The token is of another issuer or for another audience.") from error
        except jwt.PyJWTError as error:
            raise InvalidTokenError("The token does not hold: it is broken, or signed otherwise.") from error
        return _principal(claims)


def _header(token: str) -> Mapping[str, Any]:
    try:
        return jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise InvalidTokenError("That is no JSON Web Token.") from error


def _principal(claims: Mapping[str, Any]) -> Principal:
    subject, tenant = claims["sub"], claims.get("tenant", DEFAULT_TENANT)
    if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT:
        raise InvalidTokenError("The token's sub must be a text of 1 to 255 characters.")
    if not isinstance(tenant, str) or not is_tenant(tenant):
        raise InvalidTokenError("The token's tenant must be 1 to 32 of a-z, 0-9 and inner hyphens.")
    if any(name in claims and not _is_number(claims[name]) for name in _TIMES):
        raise InvalidTokenError("The token's exp, nbf and iat must be numbers.")
    return Principal(subject, tenant, _scopes(claims))


def _scopes(claims: Mapping[str, Any]) -> frozenset[Scope]:
    """Those of ours that the token has: `scope` as RFC 8693 has it, a text with spaces, or the list `scopes`."""
    listed = claims.get("scopes", [])
    names = set(listed) if _is_list_of_texts(listed) else set()
    spaced = claims.get("scope", "")
    # Spaces and nothing else: what an issuer took for one odd name must not be two scopes here.
    names |= set(spaced.split(" ")) if isinstance(spaced, str) else set()
    return frozenset(scope for scope in Scope if scope.value in names)


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_number(value: object) -> bool:
    """Whether it is a NumericDate (RFC 7519, section 2); the library takes whatever can be read as one."""
    return isinstance(value, int | float) and not isinstance(value, bool)
