"""The audit log is written: events in the transaction of what they tell of, and sealed a moment later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from streetveil.database.base import Database, UnitOfWork
from streetveil.domain.audit import Actor, AuditAction, AuditEvent, AuditHead, AuditSeal
from streetveil.domain.job import Clock, Job, utc_now

_log = structlog.get_logger(__name__)

_AT_A_TIME = 500


def recorded(
    transaction: UnitOfWork, job_id: str, change: Callable[..., bool], event: AuditEvent
) -> tuple[bool, Job | None]:
    """Changes a job of the event's tenant because somebody asked, and adds the event where it did change.

    `change` takes the job's id and `now`, and says whether the job was in a state for it. Returned are that and the job
    as it is now, None where the tenant has no such job.
    """
    if transaction.jobs.get(job_id, tenant=event.tenant) is None:
        return False, None
    changed = change(job_id, now=event.at)
    if changed:
        transaction.audit.add(event)
    return changed, transaction.jobs.get(job_id)


class AuditTrail:
    """Records what changes no row: that something was read, or refused."""

    def __init__(self, *, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def record(
        self,
        action: AuditAction,
        by: Actor,
        *,
        job_id: str | None = None,
        outcome: str = "ok",
        **details: Any,  # noqa: ANN401 - JSON
    ) -> None:
        """Records it before it happens, so that nothing is handed out that nobody knows of.

        Raises:
            DatabaseUnavailableError: it could not be recorded.
        """
        event = by.did(action, at=self._clock(), job_id=job_id, outcome=outcome, **details)
        self._database.transact(lambda transaction: transaction.audit.add(event))


class Sealer:
    """Moves events from the inbox to the end of the chain. One at a time should; several do no harm."""

    def __init__(self, *, database: Database, seal: AuditSeal) -> None:
        self._database = database
        self._seal = seal

    def is_due(self) -> bool:
        """Whether events wait. Cheap."""
        with self._database.snapshot() as snapshot:
            return bool(snapshot.audit.waiting(1))

    def __call__(self, between: Callable[[], None] = lambda: None) -> int:
        """Seals all that waits and says how many; calls `between` after every few hundred.

        The new head is logged: who keeps the logs elsewhere can show by it that the end was not cut off.

        Raises:
            DatabaseUnavailableError: what was done until then stands.
        """
        count = 0
        head: AuditHead | None = None
        while sealed := self._database.transact(self._some):
            head, number = sealed
            count += number
            between()
        if head is not None:
            _log.info("audit_sealed", records=count, number=head.number, hash=head.hash)
        return count

    def _some(self, transaction: UnitOfWork) -> tuple[AuditHead, int] | None:
        events = transaction.audit.waiting(_AT_A_TIME)
        if not events:
            return None
        records = list(self._seal.seal(events, transaction.audit.head()))
        # Where another process was the first, this one leaves the rest to it.
        return (records[-1].head, len(records)) if transaction.audit.append(records) else None
