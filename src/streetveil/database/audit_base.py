"""What the database promises of the audit log; the rest is in `base.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from streetveil.domain.audit import AuditEvent, AuditHead, AuditRecord
from streetveil.domain.reports import Backlog


class AuditRepository(Protocol):
    """The audit log, and the inbox in which its events wait to be sealed (docs/decisions/0018-audit-log.md)."""

    def add(self, event: AuditEvent) -> None:
        """Records an event, to be sealed later."""
        ...

    def waiting(self, limit: int) -> list[AuditEvent]:
        """The events that are not sealed, in the order in which they were added."""
        ...

    def waiting_of(self, job_id: str) -> list[AuditEvent]:
        """A job's events that are not sealed."""
        ...

    def count_waiting(self) -> int:
        """How many events are not sealed."""
        ...

    def backlog(self) -> Backlog:
        """The events that are not sealed."""
        ...

    def append(self, records: Sequence[AuditRecord]) -> bool:
        """Moves waiting events to the end of the log; False, with nothing done, where another process did so first."""
        ...

    def head(self) -> AuditHead:
        """The end of the log."""
        ...

    def anchor(self) -> AuditHead:
        """The record after which the log begins: the last one that was pruned."""
        ...

    def records(self, *, after: int, limit: int) -> list[AuditRecord]:
        """Records with larger numbers than `after`, in order."""
        ...

    def newest(self, limit: int, *, job_id: str | None = None) -> list[AuditRecord]:
        """The last records, or the last of one job, newest first."""
        ...

    def last_before(self, moment: datetime) -> AuditHead | None:
        """The last record before the first one of `moment` or later; None where there is none."""
        ...

    def move_anchor(self, to: AuditHead) -> None:
        """Lets the log begin after that record."""
        ...

    def drop(self, limit: int) -> int:
        """Removes records up to the anchor; how many. To be called until there are none."""
        ...
