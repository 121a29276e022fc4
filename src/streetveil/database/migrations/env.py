"""Alembic's entry: runs the steps on the connection that `schema.py` hands over."""

from __future__ import annotations

from alembic import context

from streetveil.database.tables import Base


def _run() -> None:
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=Base.metadata,
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()


_run()
