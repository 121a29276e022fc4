"""Keys that belong to tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streetveil.errors import ConfigurationError
from streetveil.settings import Settings

if TYPE_CHECKING:
    from streetveil.crops.base import Vault
    from streetveil.crops.keys import KeyFolder


def webhook_secret(settings: Settings, tenant: str) -> str:
    """The secret that a tenant's receivers check signatures with.

    Raises:
        ConfigurationError: there is none, or it cannot be used.
    """
    from streetveil.webhooks.signing import tenant_secret

    if settings.webhook_secret is None:
        raise ConfigurationError("WEBHOOK_SECRET is not set: `openssl rand -base64 32` makes one.")
    return tenant_secret(settings.webhook_secret.get_secret_value(), tenant)


def key_folder(settings: Settings) -> KeyFolder:
    """The keys that crops are sealed with.

    Raises:
        ConfigurationError: the settings name no folder.
    """
    from streetveil.crops.keys import KeyFolder

    if settings.crops_keys_dir is None:
        raise ConfigurationError("CROPS_KEYS_DIR is not set: it names the folder of tenants' keys.")
    return KeyFolder(settings.crops_keys_dir)


def open_vault(settings: Settings) -> Vault | None:
    """None where no photo is reversible."""
    if settings.crops_keys_dir is None:
        return None
    from streetveil.crops.envelope import EnvelopeVault

    keys = key_folder(settings)
    keys.check()
    return EnvelopeVault(keys)
