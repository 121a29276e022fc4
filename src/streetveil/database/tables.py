"""The tables, for every database the product runs on: SQLite, MySQL 8 and MariaDB.

Their common ground: bounded VARCHARs, times as UTC without a zone in microseconds, JSON that no query
looks into, no index on an expression. `migrations/` makes exactly these tables; a test compares.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from streetveil.domain.access import DEFAULT_TENANT

# Binary collation: keys and ids compare byte by byte on every database.
_MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_MARIADB = {key.replace("mysql", "mariadb"): value for key, value in _MYSQL.items()}

_PLAIN = re.compile(r"[!-~]{1,36}")

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """Aware times in Python, UTC without a zone in the database."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:  # noqa: ANN401 - as SQLAlchemy declares it
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is not None and value.tzinfo is None:
            raise ValueError("a time without a zone says no moment")
        return value.astimezone(UTC).replace(tzinfo=None) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value.replace(tzinfo=UTC) if value is not None else None


class PlainId(TypeDecorator[str]):
    """Ids of ours. Any other text equals none of them, on every database: whatever it thinks of spaces at the end,
    lone surrogates and texts longer than the column.
    """

    impl = String(36)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return value if value is None or _PLAIN.fullmatch(value) else ""


Id = PlainId()
ObjectKey = String(160)
Tenant = String(32)
Document = JSON(none_as_null=True)


class Base(DeclarativeBase):
    """What all tables share."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {float: Double}


def table_of(record: type[Base]) -> Table:
    """The table behind a class: a statement on it costs a fifth less to make and send than one on the class."""
    return cast("Table", record.__table__)


class BatchRecord(Base):
    """Photos that were uploaded together."""

    __tablename__ = "batches"
    __table_args__ = (_MYSQL | _MARIADB,)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    tenant: Mapped[str] = mapped_column(Tenant, server_default=DEFAULT_TENANT)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class JobRecord(Base):
    """One photo. `domain/job.py` explains the states, `due_at` and `claims`."""

    __tablename__ = "processed_images"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    tenant: Mapped[str] = mapped_column(Tenant, server_default=DEFAULT_TENANT)
    batch_id: Mapped[str | None] = mapped_column(Id, ForeignKey("batches.id"))
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    request_fingerprint: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(128))

    status: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    claims: Mapped[int]
    worker_id: Mapped[str | None] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    original_deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    crops_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_detail: Mapped[str | None] = mapped_column(Text)

    filename: Mapped[str] = mapped_column(String(255))
    file_size: Mapped[int] = mapped_column(BigInteger)
    width: Mapped[int]
    height: Mapped[int]
    media_type: Mapped[str] = mapped_column(String(64))
    content_sha256: Mapped[str] = mapped_column(String(64))
    options: Mapped[dict[str, Any]] = mapped_column(JSON)

    original_key: Mapped[str] = mapped_column(ObjectKey)
    processed_key: Mapped[str | None] = mapped_column(ObjectKey)
    metadata_key: Mapped[str | None] = mapped_column(ObjectKey)
    processing_time: Mapped[float | None]
    blur_metadata: Mapped[dict[str, Any] | None] = mapped_column(Document)
    detection_metadata: Mapped[dict[str, Any] | None] = mapped_column(Document)
    models: Mapped[list[dict[str, str]] | None] = mapped_column(Document)

    is_vehicle_detected: Mapped[bool | None]
    is_face_detected: Mapped[bool | None]
    is_face_blurred: Mapped[bool | None]
    is_plate_blurred: Mapped[bool | None]
    faces: Mapped[int | None]
    plates: Mapped[int | None]
    vehicles: Mapped[int | None]
    # Sums, not means: they add up over jobs.
    face_confidence_sum: Mapped[float | None]
    plate_confidence_sum: Mapped[float | None]
    vehicle_confidence_sum: Mapped[float | None]

    # Beside each index the queries of repositories.py, pages.py and statistics.py that it is for.
    __table_args__ = (
        UniqueConstraint("tenant", "idempotency_key"),  # by_idempotency_key
        Index(None, "tenant", "status", "id"),  # page
        Index(None, "status", "due_at", "id"),  # overdue, unpurged
        Index(None, "status", "tenant", "submitted_at"),  # waiting, oldest_submission
        Index(None, "tenant", "status", "finished_at"),  # counts, completed_since, failures, recent of a tenant
        Index(None, "status", "finished_at"),  # the same of all; finished
        Index(None, "batch_id", "id"),  # of_batch, batch_counts
        # page, where it is asked for by what was found
        Index(
            "ix_processed_images_tenant_found",
            "tenant",
            "is_vehicle_detected",
            "is_face_detected",
            "is_face_blurred",
            "is_plate_blurred",
            "id",
        ),
        # finished, where the originals are still there
        Index(None, "original_deleted_at", "status", "finished_at"),
        Index(None, "crops_expires_at"),  # with_expired_crops
        _MYSQL | _MARIADB,
    )


class WorkerRecord(Base):
    """A process that works on jobs."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    host: Mapped[str] = mapped_column(String(128))
    version: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    threads: Mapped[int]
    busy: Mapped[int]

    __table_args__ = (_MYSQL | _MARIADB,)


class TurnRecord(Base):
    """Something that one process at a time should do: whose turn it is, and when the next one's may come."""

    __tablename__ = "locks"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(128))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (_MYSQL | _MARIADB,)
