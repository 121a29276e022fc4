"""Object storage."""

from __future__ import annotations

from streetveil.errors.base import StreetveilError
from streetveil.errors.kinds import UnavailableError


class StorageUnavailableError(UnavailableError):
    """Object storage cannot be reached or refuses us."""

    code = "storage_unavailable"


class ObjectMissingError(StreetveilError):
    """An object that a job's row names is not in storage."""

    code = "object_missing"
