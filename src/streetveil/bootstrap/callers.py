"""Who may call, how often, and how receivers of webhooks know that it is us."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from streetveil.errors import ConfigurationError
from streetveil.settings import Settings

if TYPE_CHECKING:
    from limits.storage import Storage

    from streetveil.access.base import Authenticator
    from streetveil.access.issue import TokenIssuer
    from streetveil.access.keys import KeySource
    from streetveil.limits.base import Limits


# By any one of these tokens can be judged.
_TOKEN_KEYS = ("jwt_secret", "jwt_public_key", "jwt_public_key_file", "jwks_url")
_MAX_KEY_FILE = 64 * 1024


# Longer no request waits for being counted.
_COUNT_TIMEOUT_S = 1.0


def build_authenticator(settings: Settings) -> Authenticator | None:
    """What tells callers apart; None where nobody is asked who they are.

    Raises:
        ConfigurationError: the settings do not say by which one key tokens are judged, or it cannot be used.
    """
    named = [name for name in _TOKEN_KEYS if getattr(settings, name) is not None]
    if settings.auth_mode == "none":
        if named:
            raise ConfigurationError(f"{named[0].upper()} is set, but tokens are not asked for: set AUTH_MODE=jwt.")
        return None
    if len(named) != 1:
        raise ConfigurationError(f"AUTH_MODE=jwt takes exactly one of {', '.join(_TOKEN_KEYS).upper()}.")
    from streetveil.access.tokens import JwtAuthenticator

    return JwtAuthenticator(_token_keys(settings), issuer=settings.jwt_issuer, audience=settings.jwt_audience)


def _token_keys(settings: Settings) -> KeySource:
    from streetveil.access.jwks import RemoteKeys
    from streetveil.access.keys import OneKey, public_key, shared_secret

    if settings.jwks_url is not None:
        if settings.jwt_issuer is None or settings.jwt_audience is None:
            raise ConfigurationError(
                "JWKS_URL takes JWT_ISSUER and JWT_AUDIENCE too: its provider signs tokens for others as well."
            )
        return RemoteKeys(settings.jwks_url)
    if settings.jwt_secret is not None:
        return OneKey(shared_secret(settings.jwt_secret.get_secret_value()))
    if settings.jwt_public_key_file is not None:
        return OneKey(public_key(_text_of(settings.jwt_public_key_file)))
    return OneKey(public_key(settings.jwt_public_key or ""))


def build_limits(settings: Settings) -> Limits | None:
    """What counts requests and photos: in Redis where there is one; None where nothing is limited.

    Raises:
        ConfigurationError: REDIS_URL cannot be used.
    """
    if settings.rate_limit is None and settings.quota_photos_per_day is None and settings.quota_bytes_per_day is None:
        return None
    from streetveil.limits.counters import Counters
    from streetveil.limits.limiter import Limiter

    return Limiter(
        Counters(None if settings.redis_url is None else _shared_counts(settings.redis_url.get_secret_value())),
        rate=settings.rate_limit,
        photos_per_day=settings.quota_photos_per_day,
        bytes_per_day=settings.quota_bytes_per_day,
    )


def _shared_counts(redis_url: str) -> Storage:
    from streetveil.limits.shared import redis_storage
    from streetveil.queue.redis_client import connect

    return redis_storage(connect(redis_url, timeout_s=_COUNT_TIMEOUT_S).connection_pool)


def build_token_issuer(settings: Settings, private_key: Path | None = None) -> TokenIssuer:
    """What makes tokens that `build_authenticator` takes: with the private key in that file, else with the secret.

    Raises:
        ConfigurationError: there is neither, or it cannot be used.
    """
    from streetveil.access.issue import TokenIssuer

    names = {"issuer": settings.jwt_issuer, "audience": settings.jwt_audience}
    if private_key is not None:
        return TokenIssuer.with_private_key(_text_of(private_key).encode(), **names)
    if settings.jwt_secret is None:
        raise ConfigurationError("Tokens are signed with JWT_SECRET or a private key, and there is neither.")
    return TokenIssuer.with_secret(settings.jwt_secret.get_secret_value(), **names)


def _text_of(path: Path) -> str:
    try:
        with path.open(encoding="ascii") as file:
            return file.read(_MAX_KEY_FILE)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read as a key in PEM form.") from error
