"""The audit log's records: who did what to which job, each sealed with the hash of the one before.

A chain shows what was changed, left out or moved inside it. That its end was cut off shows only where an
earlier head is known: `AuditHead` is what an operator writes down elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

START = "0" * 64
"""What stands in for the hash before the first record."""


class AuditAction(StrEnum):
    """What can be done to a job, by a caller or by the service itself."""

    SUBMIT = "submit"
    REDACT = "redact"
    COMPLETE = "complete"
    FAIL = "fail"
    HOLD_BACK = "hold_back"
    READ_RESULT = "read_result"
    READ_ORIGINAL = "read_original"
    READ_HELD_BACK = "read_held_back"
    READ_CROPS = "read_crops"
    RELEASE = "release"
    RETRY = "retry"
    ERASE = "erase"
    ERASED = "erased"
    EXPIRE = "expire"
    DELETE_KEY = "delete_key"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something that was done or refused. It holds no name, no picture and no token.

    Attributes:
        id: a UUIDv7; events are sealed in its order.
        actor: the subject of the caller's token, or the id of the process that acted by itself.
        origin: from where: a network, not an address (`jobs/audit.py` shortens it); None for the service itself.
        outcome: `ok`, or the code of the error.
        details: numbers and codes that belong to the action.
    """

    id: str
    at: datetime
    action: AuditAction
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
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "action": self.action.value,
            "actor": self.actor,
            "tenant": self.tenant,
            "job_id": self.job_id,
            "origin": self.origin,
            "outcome": self.outcome,
            "details": dict(self.details),
        }
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The end of a chain: the number and the hash of its last record."""

    number: int = 0
    hash: str = START


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
            if record.hash != self._hash(record.number, record.previous, record.event):
                yield AuditFault(record.number, "was changed after it was sealed")
            head = record.head

    def _hash(self, number: int, previous: str, event: AuditEvent) -> str:
        content = f"{number}:{previous}:".encode() + event.canonical()
        if self._key is None:
            return hashlib.sha256(content).hexdigest()
        return hmac.new(self._key, content, hashlib.sha256).hexdigest()
