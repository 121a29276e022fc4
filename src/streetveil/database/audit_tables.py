"""The tables of the audit log. docs/decisions/0018-audit-log.md says why there are two for its records.

Times and details are texts in their canonical form: what a database makes of its own types must not change a hash.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from streetveil.database.tables import _MARIADB, _MYSQL, Base, Id


class _EventColumns:
    """Those of `AuditEvent` but its id."""

    at: Mapped[str] = mapped_column(String(32))
    action: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(255))
    tenant: Mapped[str] = mapped_column(String(32))
    job_id: Mapped[str | None] = mapped_column(Id)
    origin: Mapped[str | None] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(64))
    details: Mapped[str] = mapped_column(Text)


class AuditInboxRecord(_EventColumns, Base):
    """An event that was committed with what it tells of, and waits to be sealed."""

    __tablename__ = "audit_inbox"
    __table_args__ = (Index(None, "job_id"), _MYSQL | _MARIADB)  # waiting_of

    # Counts up as rows are inserted: what came of something else is sealed after it, whatever clocks say.
    place: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    id: Mapped[str] = mapped_column(Id, unique=True)


class AuditLogRecord(_EventColumns, Base):
    """A sealed event. Triggers refuse to change it, and to remove it before it was pruned."""

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "job_id", "number"), _MYSQL | _MARIADB)  # newest, of a job

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[str] = mapped_column(Id)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditAnchorRecord(Base):
    """Where the log begins after it was pruned: the last record that was removed."""

    __tablename__ = "audit_anchors"
    __table_args__ = (_MYSQL | _MARIADB,)

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[str] = mapped_column(String(64))
