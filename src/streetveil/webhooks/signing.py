"""Signatures of messages, as Standard Webhooks 1.0 has them, so that receivers find libraries for them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from streetveil.errors import ConfigurationError

_PREFIX = "whsec_"
_MIN_KEY_BYTES = 24


class Signer:
    """Signs with a secret that sender and receiver share.

    Args:
        secret: `whsec_` and at least 24 bytes in base64, or a text of at least 24 bytes that is the key itself.

    Raises:
        ConfigurationError: it is too short, or no base64.
    """

    def __init__(self, secret: str) -> None:
        self._key = _key(secret)

    def headers(self, message_id: str, body: bytes, now: datetime) -> Mapping[str, str]:
        """The three headers of a message; `now` lets receivers refuse what is replayed later."""
        timestamp = str(int(now.timestamp()))
        signed = b".".join((message_id.encode(), timestamp.encode(), body))
        signature = base64.b64encode(hmac.new(self._key, signed, hashlib.sha256).digest()).decode()
        return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


def tenant_secret(secret: str, tenant: str) -> str:
    """The secret that a tenant shares with its receivers.

    Each has its own, or who receives for one could sign for the others; all are made of the service's one `secret`.

    Raises:
        ConfigurationError: see `Signer`.
    """
    made = hmac.new(_key(secret), b"streetveil webhooks of " + tenant.encode(), hashlib.sha256).digest()
    return _PREFIX + base64.b64encode(made).decode()


def _key(secret: str) -> bytes:
    if secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error as error:
            raise ConfigurationError("WEBHOOK_SECRET begins with whsec_, so base64 must follow.") from error
    else:
        key = secret.encode()
    if len(key) < _MIN_KEY_BYTES:
        raise ConfigurationError(
            f"WEBHOOK_SECRET must have at least {_MIN_KEY_BYTES} bytes; `openssl rand -base64 32` makes one."
        )
    return key
