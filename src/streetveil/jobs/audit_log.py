"""The audit log is read: shown, verified, and freed of what is too old."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streetveil.database.base import Database, UnitOfWork
from streetveil.domain.audit import (
    Actor,
    AuditAction,
    AuditEvent,
    AuditFault,
    AuditHead,
    AuditRecord,
    AuditSeal,
)
from streetveil.domain.job import Clock, utc_now

_AT_A_TIME = 1000
_FAULTS_KEPT = 100


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of verifying.

    Attributes:
        records: how many were looked at.
        begin: the record after which they begin.
        head: the last of them.
        waiting: events that are not sealed yet: nothing can be said of them.
        faults: the first hundred, in the order of their numbers.
    """

    records: int
    begin: AuditHead
    head: AuditHead
    waiting: int
    faults: tuple[AuditFault, ...]


class AuditLog:
    """Questions about the log; only `prune` changes it."""

    def __init__(self, *, database: Database, seal: AuditSeal, clock: Clock = utc_now) -> None:
        self._database = database
        self._seal = seal
        self._clock = clock

    def head(self) -> AuditHead:
        """The end of the chain, to be noted where the database's owner cannot change it."""
        with self._database.snapshot() as snapshot:
            return snapshot.audit.head()

    def newest(self, limit: int, *, job_id: str | None = None) -> list[AuditRecord]:
        """The last records, or the last of one job, newest first."""
        with self._database.snapshot() as snapshot:
            return snapshot.audit.newest(limit, job_id=job_id)

    def records(self, after: int = 0) -> Iterator[AuditRecord]:
        """All records with larger numbers, in their order, however many there are."""
        while True:
            with self._database.snapshot() as snapshot:
                page = snapshot.audit.records(after=after, limit=_AT_A_TIME)
            yield from page
            if len(page) < _AT_A_TIME:
                return
            after = page[-1].number

    def verify(
        self, *, after: AuditHead | None = None, until: int | None = None, noted: Sequence[AuditHead] = ()
    ) -> Verdict:
        """Whether the chain holds: nothing in it was changed, left out or moved.

        Args:
            after: where to begin; by default where the log does.
            until: the number of the last record to look at; by default the log's last.
            noted: heads that were written down elsewhere: the chain must go through them. Only these show that the
                end was cut off, and, without a key, that the whole was made anew.
        """
        with self._database.snapshot() as snapshot:
            anchor, waiting = snapshot.audit.anchor(), snapshot.audit.count_waiting()
            pending = snapshot.audit.waiting(_AT_A_TIME)
        walk = _Walk(after or anchor, until, noted)
        faults: list[AuditFault] = []
        for fault in self._seal.faults(walk.along(self.records(walk.begin.number)), walk.begin):
            if len(faults) < _FAULTS_KEPT:
                faults.append(fault)
        faults += walk.missed()
        if after is None and until is None and anchor.number and not walk.told_of(anchor, pending):
            faults.insert(0, AuditFault(anchor.number, "no record tells that those up to here were pruned"))
        return Verdict(walk.count, walk.begin, walk.head, waiting, tuple(faults[:_FAULTS_KEPT]))

    def prune(self, before: datetime, by: Actor) -> int:
        """Removes the records up to the first one of `before` or later, and records that; how many.

        The chain can be verified as before, from the last one that was removed on: export them first.

        Raises:
            DatabaseUnavailableError: what was done until then stands; the next pruning goes on.
        """

        def move(transaction: UnitOfWork) -> None:
            last = transaction.audit.last_before(before)
            if last is not None and last.number > transaction.audit.anchor().number:
                transaction.audit.move_anchor(last)
                transaction.audit.add(by.did(AuditAction.PRUNE, at=self._clock(), **_named(last)))

        self._database.transact(move)
        count = 0
        while dropped := self._database.transact(lambda transaction: transaction.audit.drop(_AT_A_TIME)):
            count += dropped
        return count


class _Walk:
    """Looks at records on their way to `AuditSeal.faults`."""

    def __init__(self, begin: AuditHead, until: int | None, noted: Iterable[AuditHead]) -> None:
        self.begin = begin
        self.head = begin
        self.count = 0
        self._until = until
        self._noted = {head.number: head.hash for head in noted}
        self._seen = {begin.number: begin.hash}
        self._prunings: list[AuditEvent] = []

    def along(self, records: Iterable[AuditRecord]) -> Iterator[AuditRecord]:
        for record in records:
            if self._until is not None and record.number > self._until:
                return
            self.count += 1
            self.head = record.head
            if record.number in self._noted:
                self._seen[record.number] = record.hash
            if record.event.action == AuditAction.PRUNE:
                self._prunings.append(record.event)
            yield record

    def missed(self) -> Iterator[AuditFault]:
        """What was noted elsewhere and is not so."""
        for number, noted in sorted(self._noted.items()):
            if number not in self._seen:
                yield AuditFault(
                    number, f"is missing: the records are those from {self.begin.number + 1} to {self.head.number}"
                )
            elif self._seen[number] != noted:
                yield AuditFault(number, "is not the one whose hash was noted")

    def told_of(self, anchor: AuditHead, pending: Iterable[AuditEvent]) -> bool:
        events = (*self._prunings, *pending)
        return any(event.action == AuditAction.PRUNE and event.details == _named(anchor) for event in events)


def _named(head: AuditHead) -> dict[str, Any]:
    return {"through": head.number, "hash": head.hash}
