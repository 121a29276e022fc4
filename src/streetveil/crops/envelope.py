"""Crops as they are stored: sealed with a key of their own, and that one with the tenant's.

    4 bytes    SVC1, the format
    2 bytes    length of the wrapped key, big-endian
    ...        the wrapped key, as the key ring makes it
    12 bytes   nonce
    ...        the crops under AES-256-GCM, and its tag of 16 bytes

Both keys' ciphers are bound to format, tenant, job and claim (additional data of NIST SP 800-38D), so what was sealed
for one photo opens for no other. Each photo's key is used for one message, so no nonce can repeat under it.
"""

from __future__ import annotations

import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from streetveil.crops.base import CropsOf, KeyRing
from streetveil.errors import CropsKeyMissingError, CropsUnreadableError

NONCE_BYTES = 12
_FORMAT = b"SVC1"
_KEY_BITS = 256
_LENGTH_BYTES = 2


class EnvelopeVault:
    """A `Vault` over tenants' keys."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def ensure_key(self, tenant: str) -> None:
        self._keys.wrap(AESGCM.generate_key(_KEY_BITS), b"", tenant=tenant)

    def seal(self, plain: bytes, of: CropsOf) -> bytes:
        key, bound, nonce = AESGCM.generate_key(_KEY_BITS), _bound(of), os.urandom(NONCE_BYTES)
        wrapped = self._keys.wrap(key, bound, tenant=of.tenant)
        head = _FORMAT + len(wrapped).to_bytes(_LENGTH_BYTES) + wrapped + nonce
        return head + AESGCM(key).encrypt(nonce, plain, bound)

    def open(self, sealed: bytes, of: CropsOf) -> bytes:
        start = len(_FORMAT) + _LENGTH_BYTES
        if len(sealed) < start or not sealed.startswith(_FORMAT):
            raise CropsUnreadableError("What is stored are no sealed crops.")
        end = start + int.from_bytes(sealed[len(_FORMAT) : start])
        nonce, content = sealed[end : end + NONCE_BYTES], sealed[end + NONCE_BYTES :]
        bound = _bound(of)
        try:
            key = self._keys.unwrap(sealed[start:end], bound, tenant=of.tenant)
            return AESGCM(key).decrypt(nonce, content, bound)
        except CropsKeyMissingError as error:
            raise CropsUnreadableError("The key that these crops were sealed with is gone.") from error
        except (InvalidTag, ValueError) as error:
            raise CropsUnreadableError("These crops were changed, or belong to another photo.") from error


def _bound(of: CropsOf) -> bytes:
    return json.dumps([_FORMAT.decode(), of.tenant, of.job_id, of.claim]).encode()
