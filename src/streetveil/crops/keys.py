"""Tenants' keys as files of one folder: `{tenant}.key`, 32 random bytes in base64, for their owner's eyes alone.

They are read anew each time, so one that was deleted is gone for every process at once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from streetveil.crops.envelope import NONCE_BYTES
from streetveil.domain.access import is_tenant
from streetveil.errors import ConfigurationError, CropsKeyMissingError, CropsUnreadableError

_KEY_BYTES = 32
_ID_BYTES = 8
_MAX_FILE = 1024
_SUFFIX = ".key"
_OTHERS = 0o077


class KeyFolder:
    """A `KeyRing` of files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self) -> None:
        """Returns where the folder is there and nobody but its owner can write into it.

        Raises:
            ConfigurationError: it is not so.
        """
        with _told("CROPS_KEYS_DIR"):
            if not self._folder.is_dir() or self._folder.stat().st_mode & 0o022:
                raise ConfigurationError("CROPS_KEYS_DIR must be a folder that nobody but its owner can write into.")

    def wrap(self, data_key: bytes, bound: bytes, *, tenant: str) -> bytes:
        key, nonce = self._key(tenant), os.urandom(NONCE_BYTES)
        return _id_of(key) + nonce + AESGCM(key).encrypt(nonce, data_key, bound)

    def unwrap(self, wrapped: bytes, bound: bytes, *, tenant: str) -> bytes:
        key = self._key(tenant)
        end = _ID_BYTES + NONCE_BYTES
        if wrapped[:_ID_BYTES] != _id_of(key):
            raise CropsUnreadableError("The key that these crops were sealed with is gone; the tenant has another now.")
        try:
            return AESGCM(key).decrypt(wrapped[_ID_BYTES:end], wrapped[end:], bound)
        except (InvalidTag, ValueError) as error:
            raise CropsUnreadableError("These crops were changed, or belong to another photo.") from error

    def create(self, tenant: str) -> str:
        """Makes a key, which is on the disk when this returns; its id.

        Raises:
            ConfigurationError: the tenant has one, or it cannot be written.
        """
        path, key = self._path(tenant), os.urandom(_KEY_BYTES)
        with _told(_name(tenant)):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.check()
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(key) + b"\n")
                file.flush()
                os.fsync(descriptor)
            self._sync()
        return _id_of(key).hex()

    def delete(self, tenant: str) -> None:
        """Deletes the tenant's key: nothing that was sealed with it can be read again.

        Raises:
            CropsKeyMissingError: there is none.
            ConfigurationError: it cannot be deleted.
        """
        path = self._path(tenant)
        with _told(_name(tenant)):
            try:
                path.unlink()
            except FileNotFoundError:
                raise _missing(tenant) from None
            self._sync()

    def tenants(self) -> list[str]:
        """Those that have a key, usable or not."""
        with _told("CROPS_KEYS_DIR"):
            return sorted(path.stem for path in self._folder.glob(f"*{_SUFFIX}") if is_tenant(path.stem))

    def ids(self) -> dict[str, str]:
        """The id of each tenant's key.

        Raises:
            ConfigurationError: the folder or a key cannot be used.
        """
        return {tenant: _id_of(self._key(tenant)).hex() for tenant in self.tenants()}

    def _key(self, tenant: str) -> bytes:
        path = self._path(tenant)
        with _told(_name(tenant)):
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                raise _missing(tenant) from None
            with os.fdopen(descriptor, "rb") as file:
                if os.fstat(descriptor).st_mode & _OTHERS:
                    raise ConfigurationError(f"{_name(tenant)} must be readable by nobody but its owner: chmod 600.")
                text = file.read(_MAX_FILE)
        try:
            key = base64.b64decode(text.strip(), validate=True)
        except binascii.Error:
            key = b""
        if len(key) != _KEY_BYTES:
            raise ConfigurationError(f"{_name(tenant)} must hold 32 random bytes in base64.")
        return key

    def _path(self, tenant: str) -> Path:
        if not is_tenant(tenant):
            raise ValueError(f"not a tenant: {tenant[:40]!r}")
        return self._folder / f"{tenant}{_SUFFIX}"

    def _sync(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _id_of(key: bytes) -> bytes:
    """Tells keys apart and nothing of them."""
    return hashlib.sha256(b"streetveil crops key" + key).digest()[:_ID_BYTES]


def _missing(tenant: str) -> CropsKeyMissingError:
    return CropsKeyMissingError(f"Tenant {tenant} has no key to seal crops with.")


def _name(tenant: str) -> str:
    """What messages call a key: clients may see them, and no path of this machine."""
    return f"{tenant}{_SUFFIX} in CROPS_KEYS_DIR"


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        raise ConfigurationError(f"{what} is there already: a new key would make unreadable what it sealed.") from error
    except OSError as error:
        raise ConfigurationError(f"{what} cannot be used: {error.strerror}.") from error
