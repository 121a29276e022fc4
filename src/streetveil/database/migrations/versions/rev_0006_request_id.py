"""Which request a job came with, for the log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_JOBS = "processed_images"
_COLUMN = "request_id"


def upgrade() -> None:
    """Does what is not done: MySQL keeps what was changed before an upgrade was interrupted."""
    if not _has_column():
        op.add_column(_JOBS, sa.Column(_COLUMN, sa.String(128)))


def downgrade() -> None:
    """Forgets it."""
    if _has_column():
        op.drop_column(_JOBS, _COLUMN)


def _has_column() -> bool:
    return any(column["name"] == _COLUMN for column in sa.inspect(op.get_bind()).get_columns(_JOBS))
