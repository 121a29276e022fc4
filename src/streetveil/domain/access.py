"""Who asks, and what they may do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

DEFAULT_TENANT = "default"
"""The tenant of everything where nobody says who they are, and of tokens that name none."""

_TENANT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")


class Scope(StrEnum):
    """What a caller may be allowed, within their tenant."""

    UPLOAD = "upload"
    READ = "read"
    READ_ORIGINAL = "read:original"
    OPERATE = "operate"
    METRICS = "metrics"
    ERASE = "erase"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever makes a request.

    Attributes:
        subject: the name that the audit log knows them by.
        tenant: whose photos they work with; those of others do not exist for them.
    """

    subject: str
    tenant: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether the scope is theirs; `admin` stands for all of them."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


ANYONE = Principal("anonymous", DEFAULT_TENANT, frozenset(Scope))
"""The caller of a service that asks nobody who they are."""


def is_tenant(name: str) -> bool:
    """Whether a name can be a tenant's: 1 to 32 of a-z, 0-9 and inner hyphens. It becomes part of object keys."""
    return _TENANT.fullmatch(name) is not None
