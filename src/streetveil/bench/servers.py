"""Servers that a service is measured over: they must be nobody's."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime

from streetveil import bootstrap
from streetveil.bootstrap.backends import open_queue, open_storage
from streetveil.errors import ConfigurationError
from streetveil.settings import Settings
from streetveil.storage.keys import FOLDERS

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def refuse_used(settings: Settings) -> None:
    """Returns where the servers that the settings name hold no jobs, no ids and no photos, of whatever tenant.

    A worker that is measured would do others' jobs, drop ids of another database's, and remove objects without a row.

    Raises:
        ConfigurationError: they do.
        UnavailableError: one of them cannot be asked.
    """
    used = []
    with ExitStack() as stack:
        if settings.database_url is not None:
            database = stack.enter_context(bootstrap.open_database(settings))
            database.check()
            with database.snapshot() as snapshot:
                if any(snapshot.jobs.counts(tenant=None, since=_EVER).values()):
                    used.append("DATABASE_URL has jobs")
        if settings.redis_url is not None:
            queue = open_queue(settings)
            stack.callback(queue.close)
            if queue.depth():
                used.append("REDIS_URL has jobs waiting")
        if settings.s3_bucket is not None:
            storage = open_storage(settings)
            stack.callback(storage.close)
            if any(next(storage.list(folder), None) for folder in FOLDERS):
                used.append("S3_BUCKET has photos")
    if used:
        raise ConfigurationError(
            f"--servers is for servers of its own, and {' and '.join(used)}: somebody's photos would be measured, or "
            "removed."
        )
