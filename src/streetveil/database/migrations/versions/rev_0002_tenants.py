"""Jobs and batches belong to tenants; those there were, to the default one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_JOBS = "processed_images"
_KEY = "uq_processed_images_idempotency_key"
_TENANT_KEY = "uq_processed_images_tenant_idempotency_key"
_FINDINGS = ("is_vehicle_detected", "is_face_detected", "is_face_blurred", "is_plate_blurred", "id")

_ADDED: dict[str, tuple[str, ...]] = {
    "tenant_status_id": ("tenant", "status", "id"),
    "tenant_status_finished_at": ("tenant", "status", "finished_at"),
    "status_tenant_submitted_at": ("status", "tenant", "submitted_at"),
    "tenant_found": ("tenant", *_FINDINGS),
}
_REMOVED: dict[str, tuple[str, ...]] = {
    "status_id": ("status", "id"),
    "status_submitted_at": ("status", "submitted_at"),
    "found": _FINDINGS,
}


def upgrade() -> None:
    """Does what is not done: MySQL keeps what was changed before an upgrade was interrupted."""
    for table in ("batches", _JOBS):
        if not _has_tenant(table):
            # With a default, so that a process of the version before may still insert.
            op.add_column(table, sa.Column("tenant", sa.String(32), nullable=False, server_default="default"))
    _set_unique(_TENANT_KEY, ["tenant", "idempotency_key"], instead_of=_KEY)
    _set_indexes(_ADDED, instead_of=_REMOVED)


def downgrade() -> None:
    """Makes one tenant of all. Keys of repeated requests were unique within each, so only the default one's stay."""
    if _has_tenant(_JOBS):
        op.execute("UPDATE processed_images SET idempotency_key = NULL WHERE tenant <> 'default'")
    _set_indexes(_REMOVED, instead_of=_ADDED)
    _set_unique(_KEY, ["idempotency_key"], instead_of=_TENANT_KEY)
    for table in (_JOBS, "batches"):
        if _has_tenant(table):
            op.drop_column(table, "tenant")


def _has_tenant(table: str) -> bool:
    return any(column["name"] == "tenant" for column in sa.inspect(op.get_bind()).get_columns(table))


def _set_unique(name: str, columns: list[str], *, instead_of: str) -> None:
    there = {constraint["name"] for constraint in sa.inspect(op.get_bind()).get_unique_constraints(_JOBS)}
    if name in there and instead_of not in there:
        return
    with op.batch_alter_table(_JOBS) as jobs:
        if name not in there:
            jobs.create_unique_constraint(name, columns)
        if instead_of in there:
            jobs.drop_constraint(instead_of, type_="unique")


def _set_indexes(wanted: dict[str, tuple[str, ...]], *, instead_of: dict[str, tuple[str, ...]]) -> None:
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(_JOBS)}
    for name, columns in wanted.items():
        if f"ix_{_JOBS}_{name}" not in there:
            op.create_index(f"ix_{_JOBS}_{name}", _JOBS, list(columns))
    for name in instead_of:
        if f"ix_{_JOBS}_{name}" in there:
            op.drop_index(f"ix_{_JOBS}_{name}", _JOBS)
