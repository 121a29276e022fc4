"""Webhooks: one row for each job that has one, with the newest message to be sent.

The row changes in the very transaction in which the job ends, so no end is forgotten, and none told that did not
happen. A newer end takes the place of an older one: receivers want to know how the job stands.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Index, Row, String, Update, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from streetveil.database.tables import _MARIADB, _MYSQL, Base, Id, Tenant, UtcDateTime, table_of
from streetveil.domain.job import Job, JobStatus
from streetveil.domain.reports import MAX_BACKLOG, Backlog
from streetveil.domain.webhooks import Delivery, WebhookReport

_MAX_ERROR_LENGTH = 500
_ENDS = (JobStatus.COMPLETED, JobStatus.NEEDS_REVIEW, JobStatus.FAILED)


class WebhookRecord(Base):
    """Where the ends of one job are told. `domain/webhooks.py` explains `number`.

    `due_at`: from when on the message may be sent, or sent again; null where there is nothing to send. While it is
    being sent this lies ahead, so that nobody else takes it, and what a process that died had taken comes back.
    """

    __tablename__ = "webhook_deliveries"

    job_id: Mapped[str] = mapped_column(Id, primary_key=True)
    tenant: Mapped[str] = mapped_column(Tenant)
    url: Mapped[str] = mapped_column(String(2000))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    number: Mapped[int]
    status: Mapped[str | None] = mapped_column(String(16))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int]
    error: Mapped[str | None] = mapped_column(String(_MAX_ERROR_LENGTH))

    __table_args__ = (Index(None, "due_at"), _MYSQL | _MARIADB)  # due


_WEBHOOKS = table_of(WebhookRecord)
_OWN = WebhookRecord.job_id == bindparam("job")
# Made once, for every job that ends has it done.
_TELL = update(_WEBHOOKS).where(_OWN).values(number=WebhookRecord.number + 1, delivered_at=None, attempts=0, error=None)
_FORGET = delete(_WEBHOOKS).where(_OWN)
_REPORT = select(_WEBHOOKS).where(_OWN)
_PENDING = (
    select(WebhookRecord.due_at)
    .where(WebhookRecord.due_at.is_not(None))
    .order_by(WebhookRecord.due_at)
    .limit(MAX_BACKLOG)
    .subquery()
)
_BACKLOG = select(func.count(), func.min(_PENDING.c.due_at))


def follow(connection: Connection, job_id: str, to: JobStatus, now: datetime) -> None:
    """What a job's transition, made in the same transaction, means for its webhook."""
    if to in _ENDS:
        connection.execute(_TELL, {"job": job_id, "status": to.value, "ended_at": now, "due_at": now})
    elif to is JobStatus.ERASED:
        connection.execute(_FORGET, {"job": job_id})


class SqlWebhookRepository:
    """A `WebhookRepository` within one connection's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, job: Job, url: str) -> None:
        values = {"job_id": job.id, "tenant": job.tenant, "url": url, "created_at": job.created_at}
        self._connection.execute(insert(WebhookRecord).values(**values, number=0, attempts=0))

    def report(self, job_id: str) -> WebhookReport | None:
        row = self._connection.execute(_REPORT, {"job": job_id}).one_or_none()
        if row is None:
            return None
        if row.number == 0:
            return WebhookReport("waiting", 0)
        if row.delivered_at is not None:
            return WebhookReport("delivered", row.attempts)
        return WebhookReport("given_up" if row.due_at is None else "due", row.attempts, row.error)

    def due(self, now: datetime, limit: int) -> list[Delivery]:
        statement = select(_WEBHOOKS).where(WebhookRecord.due_at <= now).order_by(WebhookRecord.due_at)
        rows = self._connection.execute(statement.limit(limit))
        return [delivery for row in rows if (delivery := _delivery(row)) is not None]

    def backlog(self) -> Backlog:
        return Backlog(*self._connection.execute(_BACKLOG).one())

    def claim(self, delivery: Delivery, *, now: datetime, until: datetime) -> Delivery | None:
        taken = replace(delivery, attempts=delivery.attempts + 1)
        still_due = WebhookRecord.due_at <= now
        values = {"due_at": until, "attempts": taken.attempts}
        return taken if self._change(_of(delivery).where(still_due).values(values)) else None

    def give_back(self, claimed: Delivery, *, due_at: datetime) -> bool:
        return self._change(_of(claimed).values(due_at=due_at, attempts=claimed.attempts - 1))

    def delivered(self, claimed: Delivery, *, now: datetime) -> bool:
        return self._change(_of(claimed).values(due_at=None, delivered_at=now, error=None))

    def postpone(self, claimed: Delivery, error: str, *, due_at: datetime) -> bool:
        return self._change(_of(claimed).values(due_at=due_at, error=error[:_MAX_ERROR_LENGTH]))

    def give_up(self, claimed: Delivery, error: str) -> bool:
        return self._change(_of(claimed).values(due_at=None, error=error[:_MAX_ERROR_LENGTH]))

    def _change(self, statement: Update) -> bool:
        return self._connection.execute(statement).rowcount == 1


def _of(delivery: Delivery) -> Update:
    """Where it is still that message, and that try of it."""
    return update(WebhookRecord).where(
        WebhookRecord.job_id == delivery.job_id,
        WebhookRecord.number == delivery.number,
        WebhookRecord.attempts == delivery.attempts,
        WebhookRecord.due_at.is_not(None),
    )


def _delivery(row: Row[Any]) -> Delivery | None:
    if row.status is None or row.ended_at is None:
        return None
    return Delivery(
        job_id=row.job_id,
        tenant=row.tenant,
        url=row.url,
        number=row.number,
        status=JobStatus(row.status),
        created_at=row.created_at,
        ended_at=row.ended_at,
        attempts=row.attempts,
    )
