"""What is kept of `reversible` photos."""

from __future__ import annotations

from streetveil.errors.kinds import NotFoundError, UnprocessableError


class CropsKeyMissingError(UnprocessableError):
    """`reversible` was asked for, and the tenant has no key to seal with what would be kept."""

    code = "crops_key_missing"


class CropsNotFoundError(NotFoundError):
    """The photo was uploaded without `reversible`, so nothing by which it could be restored was kept."""

    code = "crops_not_found"


class CropsExpiredError(NotFoundError):
    """What was kept by which the photo could be restored is no longer kept: its time is over."""

    code = "crops_expired"


class CropsUnreadableError(NotFoundError):
    """What was kept by which the photo could be restored cannot be read: the key is gone, or it was changed."""

    code = "crops_unreadable"
