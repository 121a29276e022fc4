"""What sealing promises to the use cases, and where tenants' keys are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn, Protocol

from streetveil.errors import CropsKeyMissingError, CropsUnreadableError, InvalidOptionError


@dataclass(frozen=True, slots=True)
class CropsOf:
    """Whose crops they are. Sealed ones open as those of this very claim, and as no other's."""

    tenant: str
    job_id: str
    claim: int


class Vault(Protocol):
    """Seals the crops of photos, and opens them again. Safe to share by threads."""

    def ensure_key(self, tenant: str) -> None:
        """Returns where crops of the tenant could be sealed now.

        Raises:
            InvalidOptionError: this service seals none.
            CropsKeyMissingError: the tenant has no key.
            ConfigurationError: its key cannot be used.
        """
        ...

    def seal(self, plain: bytes, of: CropsOf) -> bytes:
        """Crops as they may be stored; raises as `ensure_key`."""
        ...

    def open(self, sealed: bytes, of: CropsOf) -> bytes:
        """What was sealed.

        Raises:
            CropsUnreadableError: the key is gone or another one, or they were changed or are another photo's.
            ConfigurationError: the tenant's key cannot be used.
        """
        ...


class KeyRing(Protocol):
    """Tenants' keys, which wrap the key of each photo: files here; a key management service can do the same.

    A tenant may have several, of which the newest wraps. `bound` is what wrapped keys are bound to: they can be
    unwrapped together with the same bytes only.
    """

    def wrap(self, data_key: bytes, bound: bytes, *, tenant: str) -> bytes:
        """The key as it may be stored; raises CropsKeyMissingError, ConfigurationError."""
        ...

    def unwrap(self, wrapped: bytes, bound: bytes, *, tenant: str) -> bytes:
        """The key that was wrapped.

        Raises:
            CropsKeyMissingError: the tenant has no key.
            CropsUnreadableError: it was wrapped with none that the tenant has, or for another photo.
            ConfigurationError: the tenant's key cannot be used.
        """
        ...


class NoVault:
    """The vault of a service that has no keys."""

    def ensure_key(self, tenant: str) -> None:  # noqa: ARG002 - those of `Vault`
        raise InvalidOptionError("reversible: this service keeps nothing by which a photo could be restored.")

    def seal(self, plain: bytes, of: CropsOf) -> NoReturn:  # noqa: ARG002
        raise CropsKeyMissingError("This process has no keys to seal crops with: CROPS_KEYS_DIR is not set for it.")

    def open(self, sealed: bytes, of: CropsOf) -> NoReturn:  # noqa: ARG002
        raise CropsUnreadableError("This service has no keys to open crops with.")
