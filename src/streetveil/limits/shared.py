"""Counts in Redis, for all processes of a service."""

from __future__ import annotations

from typing import Any

from limits.storage import RedisStorage, Storage

PREFIX = "streetveil:limits"
"""What the names of its keys begin with. Each key expires by itself."""


def redis_storage(connection_pool: Any) -> Storage:  # noqa: ANN401 - a redis-py pool; redis is known to queue only
    """Counts behind a pool of connections to Redis, whose errors come as `limits.errors.StorageError`."""
    # The pool knows the address; the URI names the kind of server only.
    return RedisStorage("redis://", connection_pool=connection_pool, key_prefix=PREFIX, wrap_exceptions=True)
