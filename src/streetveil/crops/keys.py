"""Tenants' keys as files of one folder: `{tenant}.key`, for its owner's eyes alone.

A line for each key: 32 random bytes in base64. The last one seals; those before it, which it has taken the place of,
open what they sealed. They are read anew each time, so one that was deleted is gone for every process at once.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from streetveil.crops.envelope import NONCE_BYTES
from streetveil.domain.access import is_tenant
from streetveil.errors import ConfigurationError, CropsKeyMissingError, CropsUnreadableError

_KEY_BYTES = 32
_ID_BYTES = 8
_MAX_KEYS = 1000
_MAX_FILE = 64 * 1024
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
        key, nonce = self._keys(tenant)[-1], os.urandom(NONCE_BYTES)
        return _id_of(key) + nonce + AESGCM(key).encrypt(nonce, data_key, bound)

    def unwrap(self, wrapped: bytes, bound: bytes, *, tenant: str) -> bytes:
        keys = {_id_of(key): key for key in self._keys(tenant)}
        key = keys.get(wrapped[:_ID_BYTES])
        end = _ID_BYTES + NONCE_BYTES
        if key is None:
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
            with self._locked():
                if path.exists():
                    raise FileExistsError
                self._write(path, [key])
        return _id_of(key).hex()

    def rotate(self, tenant: str) -> str:
        """Makes a new key that seals from now on; those before it still open what they sealed. Its id.

        Raises:
            CropsKeyMissingError: there is none yet.
            ConfigurationError: it cannot be written, or there are too many.
        """
        key = os.urandom(_KEY_BYTES)
        with _told(_name(tenant)), self._locked():
            keys = self._keys(tenant)
            if len(keys) >= _MAX_KEYS:
                raise ConfigurationError(f"{_name(tenant)} has {len(keys)} keys: delete old ones first.")
            self._write(self._path(tenant), [*keys, key])
        return _id_of(key).hex()

    def delete_old(self, tenant: str) -> None:
        """Deletes all keys but the newest: nothing that was sealed before it was made can be read again.

        Raises:
            CropsKeyMissingError: the tenant has no key.
            ConfigurationError: they cannot be deleted.
        """
        with _told(_name(tenant)), self._locked():
            self._write(self._path(tenant), self._keys(tenant)[-1:])

    def delete(self, tenant: str) -> None:
        """Deletes the tenant's keys: nothing that was sealed with them can be read again.

        Raises:
            CropsKeyMissingError: there is none.
            ConfigurationError: they cannot be deleted.
        """
        path = self._path(tenant)
        with _told(_name(tenant)), self._locked():
            _next_to(path).unlink(missing_ok=True)
            try:
                path.unlink()
            except FileNotFoundError:
                raise _missing(tenant) from None
            self._sync()

    def tenants(self) -> list[str]:
        """Those that have a key, usable or not."""
        with _told("CROPS_KEYS_DIR"):
            return sorted(path.stem for path in self._folder.glob(f"*{_SUFFIX}") if is_tenant(path.stem))

    def ids(self) -> dict[str, list[str]]:
        """The ids of each tenant's keys, the newest first.

        Raises:
            ConfigurationError: the folder or a key cannot be used.
        """
        return {tenant: [_id_of(key).hex() for key in reversed(self._keys(tenant))] for tenant in self.tenants()}

    def _keys(self, tenant: str) -> list[bytes]:
        """The tenant's keys, one or more, the newest last."""
        path = self._path(tenant)
        with _told(_name(tenant)):
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                raise _missing(tenant) from None
            with os.fdopen(descriptor, "rb") as file:
                if os.fstat(descriptor).st_mode & _OTHERS:
                    raise ConfigurationError(f"{_name(tenant)} must be readable by nobody but its owner: chmod 600.")
                lines = file.read(_MAX_FILE).splitlines()
        try:
            keys = [base64.b64decode(line.strip(), validate=True) for line in lines]
        except binascii.Error:
            keys = []
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise ConfigurationError(f"{_name(tenant)} must hold 32 random bytes in base64 on each line.")
        return keys

    def _write(self, path: Path, keys: Sequence[bytes]) -> None:
        """Has the file hold these keys, whole or not at all, whenever this ends."""
        new = _next_to(path)
        new.unlink(missing_ok=True)  # of a rotation that was broken off
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(base64.b64encode(key) + b"\n" for key in keys)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
        self._sync()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Held while keys change: of two who change the same, one would undo what the other did."""
        try:
            descriptor = os.open(self._folder, os.O_RDONLY)
        except FileNotFoundError:
            raise CropsKeyMissingError("There are no keys: the folder of CROPS_KEYS_DIR is not there.") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

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


def _next_to(path: Path) -> Path:
    """Where what is to take the file's place is written first."""
    return path.with_suffix(".new")


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
