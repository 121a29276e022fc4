"""The audit log's records: who did what to which job, each sealed with the hash of the one before.

A chain shows what was changed, left out or moved inside it. That its end was cut off shows only where an
earlier head is known: `AuditHead` is what an operator writes down elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import new_id

START = "0" * 64
"""What stands in for the hash before the first record."""

_MAX_NAME = 255


class AuditAction(StrEnum):
    """What can be done to a job, by a caller or by the service itself.

    ERASE is that somebody asked, ERASED that nothing is left. PRUNE is of the log itself: old records were removed.
    """

    SUBMIT = "submit"
    COMPLETE = "complete"
    FAIL = "fail"
    HOLD_BACK = "hold_back"
    READ_ORIGINAL = "read_original"
    READ_HELD_BACK = "read_held_back"
    READ_CROPS = "read_crops"
    RELEASE = "release"
    RETRY = "retry"
    ERASE = "erase"
    ERASED = "erased"
    EXPIRE = "expire"
    ROTATE_KEY = "rotate_key"
    DELETE_KEY = "delete_key"
    REFUSE = "refuse"
    PRUNE = "prune"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that was done or refused. It holds no name, no picture and no token.

    Attributes:
        id: a UUIDv7.
        action: an `AuditAction`; any other text comes from a newer version, or from who wrote into the table.
        actor: the subject of the caller's token, or the id of the process that acted by itself.
        origin: from where: the network of a caller (`network_of`), or `cli`; None for the service itself.
        outcome: `ok`, or the code of the error.
        details: numbers and codes that belong to the action.
    """

    id: str
    at: datetime
    action: str
    actor: str
    tenant: str
    job_id: str | None = None
    origin: str | None = None
    outcome: str = "ok"
    details: Mapping[str, Any] = field(default_factory=dict)

    def canonical(self) -> bytes:
        """The same bytes for the same event on every database: sorted names, no spaces, UTC in microseconds."""
        content = {
            "id": self.id,
            "at": moment_text(self.at),
            "action": str(self.action),
            "actor": self.actor,
            "tenant": self.tenant,
            "job_id": self.job_id,
            "origin": self.origin,
            "outcome": self.outcome,
            "details": dict(self.details),
        }
        return canonical_json(content).encode()


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever does something that is recorded; the attributes are those of `AuditEvent`."""

    name: str
    tenant: str = DEFAULT_TENANT
    origin: str | None = None

    def did(
        self,
        action: AuditAction,
        *,
        at: datetime,
        job_id: str | None = None,
        tenant: str | None = None,
        outcome: str = "ok",
        **details: Any,  # noqa: ANN401 - JSON
    ) -> AuditEvent:
        """The event that tells of it. `tenant`: whose job it was done to; by default the actor's own."""
        name = self.name.encode("utf-8", "backslashreplace").decode()[:_MAX_NAME]
        return AuditEvent(new_id(at), at, action, name, tenant or self.tenant, job_id, self.origin, outcome, details)


SERVICE = Actor("service")
"""The service itself, where no one process need be named."""


@lru_cache(maxsize=256)
def network_of(address: str) -> str:
    """The network of an address: of IPv4 its first 24 bits, of IPv6 48. It says from where, and not which person.

    An address that is none (of a Unix socket, say) is `unknown`.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False))


def canonical_json(content: Mapping[str, Any]) -> str:
    """The one text that stands for such an object: sorted names, no spaces, nothing escaped that need not be."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def moment_text(moment: datetime) -> str:
    """A moment in UTC with microseconds, as ISO 8601."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The end of a chain: the number and the hash of its last record."""

    number: int = 0
    hash: str = START

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """A sealed event. Numbers count from 1 without a gap."""

    number: int
    event: AuditEvent
    previous: str
    hash: str

    @property
    def head(self) -> AuditHead:
        return AuditHead(self.number, self.hash)


@dataclass(frozen=True, slots=True)
class AuditFault:
    """Where a chain does not hold."""

    number: int
    what: str


class AuditSeal:
    """Computes hashes: SHA-256, or with a key HMAC-SHA256, which nobody who can write the table can make again."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key

    def seal(self, events: Iterable[AuditEvent], after: AuditHead) -> Iterator[AuditRecord]:
        """The events as records that continue the chain."""
        for event in events:
            number = after.number + 1
            record = AuditRecord(number, event, after.hash, self._hash(number, after.hash, event))
            after = record.head
            yield record

    def faults(self, records: Iterable[AuditRecord], after: AuditHead | None = None) -> Iterator[AuditFault]:
        """What is wrong with a chain, in the order of its numbers; nothing where it holds.

        `after` is where the records should begin; by default at the very first.
        """
        head = after or AuditHead()
        for record in records:
            if record.number != head.number + 1:
                yield AuditFault(record.number, f"follows record {head.number}: records are missing or out of order")
            elif record.previous != head.hash:
                yield AuditFault(record.number, "does not continue the record before it")
            if not self.holds(record):
                yield AuditFault(record.number, "was changed after it was sealed")
            head = record.head

    def holds(self, record: AuditRecord) -> bool:
        """Whether a record is as it was sealed, wherever it stands."""
        return hmac.compare_digest(
            record.hash.encode(), self._hash(record.number, record.previous, record.event).encode()
        )

    def _hash(self, number: int, previous: str, event: AuditEvent) -> str:
        content = f"{number}:{previous}:".encode() + event.canonical()
        if self._key is None:
            return hashlib.sha256(content).hexdigest()
        return hmac.new(self._key, content, hashlib.sha256).hexdigest()
