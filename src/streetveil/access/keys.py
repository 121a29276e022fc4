"""The keys that tokens are judged by, each bound to the algorithms it may be used with.

That binding is what stops the known confusions: a token chooses its key by name at most, never
how it is used, so a public RSA key never serves as an HMAC secret and `none` is no algorithm
(RFC 8725, sections 2.1 and 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from streetveil.errors import ConfigurationError

MIN_SECRET_BYTES = 32
"""A shorter HMAC secret than the hash's output can be searched for offline (RFC 7518, section 3.2)."""

# Fewer is what a person typed: of 32 random hexadecimal digits it is so once in 5 thousand million times.
_MIN_DIFFERENT = 7

MIN_RSA_BITS = 2048

ALGORITHMS = ("RS256", "ES256")
"""Those of public keys."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key with the algorithms that a token may name with it."""

    material: Any
    algorithms: tuple[str, ...]


class KeySource(Protocol):
    """Where keys come from. Safe to call from several threads at once; may block."""

    def key(self, key_id: str | None) -> VerificationKey | None:
        """The key of that name (a token's `kid`); None where there is none.

        Raises:
            KeysUnavailableError: they cannot be fetched now.
        """
        ...


class OneKey:
    """A key that serves all tokens, whatever they call it."""

    def __init__(self, key: VerificationKey) -> None:
        self._key = key

    def key(self, key_id: str | None) -> VerificationKey | None:  # noqa: ARG002
        return self._key


def shared_secret(secret: str) -> VerificationKey:
    """The key of HS256.

    Raises:
        ConfigurationError: it is too short, of few different characters, or not meant to be a secret.
    """
    if secret.startswith("-----BEGIN"):
        raise ConfigurationError("JWT_SECRET is a key in PEM form; a public one is named by JWT_PUBLIC_KEY_FILE.")
    if len(secret.encode()) < MIN_SECRET_BYTES or len(set(secret)) < _MIN_DIFFERENT:
        raise ConfigurationError(
            f"JWT_SECRET must have at least {MIN_SECRET_BYTES} bytes, at random; `openssl rand -base64 48` makes one."
        )
    return VerificationKey(secret, ("HS256",))


def public_key(pem: str) -> VerificationKey:
    """The key of RS256 or ES256, by what the PEM text holds.

    Raises:
        ConfigurationError: it is no public key that one of these takes.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError("JWT_PUBLIC_KEY is no public key in PEM form (BEGIN PUBLIC KEY).") from error
    bound = bind(key)
    if bound is None:
        raise ConfigurationError(
            f"JWT_PUBLIC_KEY must be an RSA key of at least {MIN_RSA_BITS} bits or an elliptic one on P-256."
        )
    return bound


def bind(key: object) -> VerificationKey | None:
    """A public key with the one algorithm it is for; None for a kind or size that is not taken."""
    if isinstance(key, RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return VerificationKey(key, ("RS256",))
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return VerificationKey(key, ("ES256",))
    return None
