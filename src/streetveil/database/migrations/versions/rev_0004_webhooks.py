"""Where the ends of jobs are told, and what is still to be told."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import DATETIME

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NAME = "webhook_deliveries"
_INDEX = "ix_webhook_deliveries_due_at"
_TABLE: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Makes what is not there: MySQL keeps what was made before an upgrade was interrupted."""
    time = sa.DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")
    op.create_table(
        _NAME,
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16)),
        sa.Column("ended_at", time),
        sa.Column("due_at", time),
        sa.Column("delivered_at", time),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(500)),
        sa.PrimaryKeyConstraint("job_id", name="pk_webhook_deliveries"),
        if_not_exists=True,
        **_TABLE,
    )
    if _INDEX not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(_NAME)}:
        op.create_index(_INDEX, _NAME, ["due_at"])


def downgrade() -> None:
    """Drops it: nobody is told any more."""
    op.drop_table(_NAME, if_exists=True)
