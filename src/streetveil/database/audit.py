"""Every query about the audit log. `audit_base.py` says what each promises."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from streetveil.database.audit_tables import AuditAnchorRecord, AuditInboxRecord, AuditLogRecord
from streetveil.database.tables import table_of
from streetveil.domain.audit import (
    AuditAction,
    AuditEvent,
    AuditHead,
    AuditRecord,
    canonical_json,
    moment_text,
)
from streetveil.domain.reports import MAX_BACKLOG, Backlog

_UNREADABLE = datetime.min.replace(tzinfo=UTC)
_ACTIONS = {str(action): action for action in AuditAction}

# Made once: to make a statement takes as long as to have it done.
_ADD = insert(table_of(AuditInboxRecord))
_APPEND = insert(table_of(AuditLogRecord))
_WAITING = select(table_of(AuditInboxRecord)).order_by(AuditInboxRecord.place)
_LOG = select(table_of(AuditLogRecord))


class SqlAuditRepository:
    """An `AuditRepository` within one connection's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, event: AuditEvent) -> None:
        self._connection.execute(_ADD, {"id": event.id, **_columns(event)})

    def waiting(self, limit: int) -> list[AuditEvent]:
        return [_event(row, row.id) for row in self._connection.execute(_WAITING.limit(limit))]

    def waiting_of(self, job_id: str) -> list[AuditEvent]:
        rows = self._connection.execute(_WAITING.where(AuditInboxRecord.job_id == job_id))
        return [_event(row, row.id) for row in rows]

    def count_waiting(self) -> int:
        return self._connection.scalar(select(func.count()).select_from(AuditInboxRecord)) or 0

    def backlog(self) -> Backlog:
        some = select(AuditInboxRecord.place).limit(MAX_BACKLOG).subquery()
        count = self._connection.scalar(select(func.count()).select_from(some)) or 0
        first = self._connection.scalar(select(AuditInboxRecord.at).order_by(AuditInboxRecord.place).limit(1))
        return Backlog(count, None if first is None else _moment(first))

    def append(self, records: Sequence[AuditRecord]) -> bool:
        rows = [
            {
                "number": record.number,
                "event_id": record.event.id,
                "previous": record.previous,
                "hash": record.hash,
                **_columns(record.event),
            }
            for record in records
        ]
        try:
            self._connection.execute(_APPEND, rows)
        except IntegrityError:  # another process was the first
            self._connection.rollback()
            return False
        ids = [record.event.id for record in records]
        taken = self._connection.execute(delete(AuditInboxRecord).where(AuditInboxRecord.id.in_(ids)))
        if taken.rowcount != len(records):  # it was so between our look at the events and that at the head
            self._connection.rollback()
            return False
        return True

    def head(self) -> AuditHead:
        columns = select(AuditLogRecord.number, AuditLogRecord.hash)
        row = self._connection.execute(columns.order_by(AuditLogRecord.number.desc()).limit(1)).one_or_none()
        anchor = self.anchor()
        return AuditHead(*row) if row is not None and row.number > anchor.number else anchor

    def anchor(self) -> AuditHead:
        columns = select(AuditAnchorRecord.number, AuditAnchorRecord.hash)
        row = self._connection.execute(columns.order_by(AuditAnchorRecord.number.desc()).limit(1)).one_or_none()
        return AuditHead(*row) if row is not None else AuditHead()

    def records(self, *, after: int, limit: int) -> list[AuditRecord]:
        statement = _LOG.where(AuditLogRecord.number > after).order_by(AuditLogRecord.number).limit(limit)
        return [_record(row) for row in self._connection.execute(statement)]

    def newest(self, limit: int, *, job_id: str | None = None) -> list[AuditRecord]:
        statement = _LOG.order_by(AuditLogRecord.number.desc()).limit(limit)
        if job_id is not None:
            statement = statement.where(AuditLogRecord.job_id == job_id)
        return [_record(row) for row in self._connection.execute(statement)]

    def last_before(self, moment: datetime) -> AuditHead | None:
        first_kept = self._connection.scalar(
            select(AuditLogRecord.number)
            .where(AuditLogRecord.at >= moment_text(moment))
            .order_by(AuditLogRecord.number)
            .limit(1)
        )
        columns = select(AuditLogRecord.number, AuditLogRecord.hash).order_by(AuditLogRecord.number.desc()).limit(1)
        if first_kept is not None:
            columns = columns.where(AuditLogRecord.number < first_kept)
        row = self._connection.execute(columns).one_or_none()
        return AuditHead(*row) if row is not None else None

    def move_anchor(self, to: AuditHead) -> None:
        self._connection.execute(insert(AuditAnchorRecord).values(number=to.number, hash=to.hash))

    def drop(self, limit: int) -> int:
        numbers = select(AuditLogRecord.number).where(AuditLogRecord.number <= self.anchor().number)
        last = self._connection.scalars(numbers.order_by(AuditLogRecord.number).limit(limit)).all()
        if last:
            self._connection.execute(delete(AuditLogRecord).where(AuditLogRecord.number <= last[-1]))
        return len(last)


def _columns(event: AuditEvent) -> dict[str, Any]:
    return {
        "at": moment_text(event.at),
        "action": str(event.action),
        "actor": event.actor,
        "tenant": event.tenant,
        "job_id": event.job_id,
        "origin": event.origin,
        "outcome": event.outcome,
        "details": canonical_json(event.details),
    }


def _record(row: Row[Any]) -> AuditRecord:
    return AuditRecord(row.number, _event(row, row.event_id), row.previous, row.hash)


def _event(row: Row[Any], event_id: str) -> AuditEvent:
    """The event of a row, whatever somebody wrote into it: what cannot be read has not the hash that was sealed."""
    return AuditEvent(
        id=event_id,
        at=_moment(row.at),
        action=_ACTIONS.get(row.action, row.action),
        actor=row.actor,
        tenant=row.tenant,
        job_id=row.job_id,
        origin=row.origin,
        outcome=row.outcome,
        details=_details(row.details),
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _UNREADABLE
    # Another text for the same moment is a change too.
    return moment if moment.tzinfo is not None and moment_text(moment) == text else _UNREADABLE


def _details(text: str) -> dict[str, Any]:
    try:
        details = json.loads(text)
    except ValueError:
        details = None
    return details if isinstance(details, dict) and canonical_json(details) == text else {"unreadable": text}
