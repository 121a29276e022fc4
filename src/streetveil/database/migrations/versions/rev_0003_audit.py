"""The audit log: events that wait, records that are sealed, and where the log begins."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
import structlog
from alembic import op
from sqlalchemy.exc import DBAPIError

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_log = structlog.get_logger(__name__)

_TABLE: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}

_SQLITE_TRIGGERS = {
    "audit_log_no_update": "CREATE TRIGGER IF NOT EXISTS audit_log_no_update BEFORE UPDATE ON audit_log "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "audit_log_no_delete": "CREATE TRIGGER IF NOT EXISTS audit_log_no_delete BEFORE DELETE ON audit_log "
    "WHEN OLD.number > (SELECT COALESCE(MAX(number), 0) FROM audit_anchors) "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
}
_MYSQL_TRIGGERS = {
    "audit_log_no_update": "CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log FOR EACH ROW "
    "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the audit log is append-only'",
    "audit_log_no_delete": "CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log FOR EACH ROW "
    "BEGIN IF OLD.number > (SELECT COALESCE(MAX(number), 0) FROM audit_anchors) THEN "
    "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the audit log is append-only'; END IF; END",
}


def upgrade() -> None:
    """Makes those that are not there: MySQL keeps what was made before an upgrade was interrupted."""
    op.create_table(
        "audit_inbox",
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        *_event_columns(),
        sa.PrimaryKeyConstraint("place", name="pk_audit_inbox"),
        sa.UniqueConstraint("id", name="uq_audit_inbox_id"),
        if_not_exists=True,
        **_TABLE,
    )
    op.create_table(
        "audit_log",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        *_event_columns(),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_log"),
        if_not_exists=True,
        **_TABLE,
    )
    op.create_table(
        "audit_anchors",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_anchors"),
        if_not_exists=True,
        **_TABLE,
    )
    _index("audit_inbox", ["job_id"])
    _index("audit_log", ["job_id", "number"])
    if op.get_bind().dialect.name == "sqlite":
        for statement in _SQLITE_TRIGGERS.values():
            op.execute(statement)
    else:
        _make_triggers()


def downgrade() -> None:
    """Drops them, with all they hold."""
    for table in ("audit_anchors", "audit_log", "audit_inbox"):
        op.drop_table(table, if_exists=True)


def _event_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("tenant", sa.String(32), nullable=False),
        sa.Column("job_id", sa.String(36)),
        sa.Column("origin", sa.String(64)),
        sa.Column("outcome", sa.String(64), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
    ]


def _index(table: str, columns: list[str]) -> None:
    name = f"ix_{table}_{'_'.join(columns)}"
    if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
        op.create_index(name, table, columns)


def _make_triggers() -> None:
    """Makes the triggers where the account may. Servers with a binary log often refuse it (error 1419).

    The hashes tell of changes all the same, so a refusal is no reason not to upgrade.
    """
    connection = op.get_bind()
    there = set(
        connection.scalars(
            sa.text("SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()")
        )
    )
    for name, statement in _MYSQL_TRIGGERS.items():
        if name in there:
            continue
        try:
            connection.exec_driver_sql(statement)
        except DBAPIError as error:
            _log.warning("audit_trigger_refused", trigger=name, cause=str(error.orig))
