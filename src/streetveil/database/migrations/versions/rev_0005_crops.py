"""Until when sealed crops of a photo are kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import DATETIME

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_JOBS = "processed_images"
_COLUMN = "crops_expires_at"
_INDEX = f"ix_{_JOBS}_{_COLUMN}"


def upgrade() -> None:
    """Does what is not done: MySQL keeps what was changed before an upgrade was interrupted."""
    if not _has_column():
        time = sa.DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb")
        op.add_column(_JOBS, sa.Column(_COLUMN, time))
    if not _has_index():
        op.create_index(_INDEX, _JOBS, [_COLUMN])


def downgrade() -> None:
    """Forgets it. The version before knows nothing of objects under crops/: remove them by hand."""
    if _has_index():
        op.drop_index(_INDEX, _JOBS)
    if _has_column():
        op.drop_column(_JOBS, _COLUMN)


def _has_column() -> bool:
    return any(column["name"] == _COLUMN for column in sa.inspect(op.get_bind()).get_columns(_JOBS))


def _has_index() -> bool:
    return any(index["name"] == _INDEX for index in sa.inspect(op.get_bind()).get_indexes(_JOBS))
