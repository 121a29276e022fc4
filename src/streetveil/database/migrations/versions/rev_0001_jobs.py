"""The first tables: jobs and their batches, workers and whose turn it is."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import DATETIME

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLE: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}

_INDEXES: dict[str, tuple[str, ...]] = {
    "status_id": ("status", "id"),
    "status_due_at_id": ("status", "due_at", "id"),
    "status_submitted_at": ("status", "submitted_at"),
    "status_finished_at": ("status", "finished_at"),
    "batch_id_id": ("batch_id", "id"),
    "found": ("is_vehicle_detected", "is_face_detected", "is_face_blurred", "is_plate_blurred", "id"),
    "original_deleted_at_status_finished_at": ("original_deleted_at", "status", "finished_at"),
}


def upgrade() -> None:
    """Makes those that are not there: MySQL keeps what was made before an upgrade was interrupted."""
    time = sa.DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")
    op.create_table(
        "batches",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
        if_not_exists=True,
        **_TABLE,
    )
    op.create_table(
        "processed_images",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("batch_id", sa.String(36)),
        sa.Column("idempotency_key", sa.String(200)),
        sa.Column("request_fingerprint", sa.String(64)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.String(128)),
        sa.Column("created_at", time, nullable=False),
        sa.Column("updated_at", time, nullable=False),
        sa.Column("submitted_at", time, nullable=False),
        sa.Column("started_at", time),
        sa.Column("finished_at", time),
        sa.Column("due_at", time),
        sa.Column("original_deleted_at", time),
        sa.Column("error_code", sa.String(64)),
        sa.Column("error_detail", sa.Text()),
        sa.Column("filename", sa.String(255), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(64), nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("original_key", sa.String(160), nullable=False),
        sa.Column("processed_key", sa.String(160)),
        sa.Column("metadata_key", sa.String(160)),
        sa.Column("processing_time", sa.Double()),
        sa.Column("blur_metadata", sa.JSON()),
        sa.Column("detection_metadata", sa.JSON()),
        sa.Column("models", sa.JSON()),
        sa.Column("is_vehicle_detected", sa.Boolean()),
        sa.Column("is_face_detected", sa.Boolean()),
        sa.Column("is_face_blurred", sa.Boolean()),
        sa.Column("is_plate_blurred", sa.Boolean()),
        sa.Column("faces", sa.Integer()),
        sa.Column("plates", sa.Integer()),
        sa.Column("vehicles", sa.Integer()),
        sa.Column("face_confidence_sum", sa.Double()),
        sa.Column("plate_confidence_sum", sa.Double()),
        sa.Column("vehicle_confidence_sum", sa.Double()),
        sa.PrimaryKeyConstraint("id", name="pk_processed_images"),
        sa.UniqueConstraint("idempotency_key", name="uq_processed_images_idempotency_key"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name="fk_processed_images_batch_id"),
        if_not_exists=True,
        **_TABLE,
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("host", sa.String(128), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("started_at", time, nullable=False),
        sa.Column("last_seen_at", time, nullable=False),
        sa.Column("threads", sa.Integer(), nullable=False),
        sa.Column("busy", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
        if_not_exists=True,
        **_TABLE,
    )
    op.create_table(
        "locks",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("holder", sa.String(128), nullable=False),
        sa.Column("expires_at", time, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_locks"),
        if_not_exists=True,
        **_TABLE,
    )
    made = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("processed_images")}
    for name, columns in _INDEXES.items():
        if f"ix_processed_images_{name}" not in made:
            op.create_index(f"ix_processed_images_{name}", "processed_images", list(columns))


def downgrade() -> None:
    """Drops them, with all they hold."""
    for table in ("locks", "workers", "processed_images", "batches"):
        op.drop_table(table, if_exists=True)
