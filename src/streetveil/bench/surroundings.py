"""What of the user's settings a measurement leaves out: those of the service's surroundings, not of its work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from streetveil.settings import LoadedSettings, Settings

# Who may come, from where, and by which tokens: nobody comes but the bench, from this machine and without one.
_CALLERS = (
    "host",
    "tls_certificate",
    "tls_key",
    "tls_key_password",
    "forwarded_allow_ips",
    "auth_mode",
    "allow_unauthenticated",
    "jwt_secret",
    "jwt_public_key",
    "jwt_public_key_file",
    "jwks_url",
    "jwt_issuer",
    "jwt_audience",
    "health_access",
    "metrics_access",
    "health_host",
)
# How much may come, and how fast: here as many photos wait as keep it busy, and all are its one client's.
_LIMITS = (
    "max_queue_size",
    "idle_timeout_s",
    "upload_timeout_s",
    "min_upload_bytes_per_s",
    "header_timeout_s",
    "max_connections",
    "max_open_uploads",
    "max_uploads_per_client",
    "rate_limit",
    "quota_photos_per_day",
    "quota_bytes_per_day",
)
# What becomes of a job when it has ended: here it is asked for, and then erased.
_AFTERWARDS = (
    "crops_keys_dir",
    "webhook_secret",
    "retention_original",
    "retention_failed",
    "retention_result",
    "retention_crops",
    "retention_tenants",
)
_SERVERS = ("database_url", "redis_url", "s3_bucket")


def of_the_work(loaded: LoadedSettings) -> LoadedSettings:
    """The user's settings, with defaults for all that could refuse a measurement or distort it.

    What is done with a photo, by which models, within which bounds and over which servers stays the user's.
    """
    return _with_defaults(loaded, (*_CALLERS, *_LIMITS, *_AFTERWARDS))


def without_servers(loaded: LoadedSettings) -> LoadedSettings:
    """The same settings for a service that is embedded."""
    return _with_defaults(loaded, _SERVERS)


def _with_defaults(loaded: LoadedSettings, names: Iterable[str]) -> LoadedSettings:
    defaults = {name: Settings.model_fields[name].default for name in names}
    return replace(
        loaded,
        settings=loaded.settings.model_copy(update=defaults),
        origins={**loaded.origins, **dict.fromkeys(defaults, "default")},
    )
