"""Database, storage and queue, each chosen on its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from streetveil.errors import UnavailableError
from streetveil.queue.base import JobQueue
from streetveil.settings import Settings
from streetveil.storage.base import ObjectStore

if TYPE_CHECKING:
    from streetveil.database.unit_of_work import SqlDatabase


_log = structlog.get_logger(__name__)

_RETRY_S = 1.0

DATABASE_FILE = "streetveil.db"
"""In the data folder, where no other database is named."""


@contextmanager
def open_database(settings: Settings) -> Iterator[SqlDatabase]:
    """The database alone, whatever its schema."""
    from streetveil.database.engine import open_engine, sqlite_url
    from streetveil.database.unit_of_work import SqlDatabase

    url = settings.database_url
    engine = open_engine(
        url.get_secret_value() if url else sqlite_url(settings.data_dir / DATABASE_FILE),
        timeout_s=settings.database_timeout_s,
    )
    database = SqlDatabase(engine)
    try:
        yield database
    finally:
        database.close()


def open_storage(settings: Settings) -> ObjectStore:
    """The bucket that is named, or files in the data folder."""
    if settings.s3_bucket is None:
        from streetveil.storage.local import LocalObjectStore

        return LocalObjectStore.open(settings.data_dir / "objects")
    from streetveil.storage.s3 import S3ObjectStore
    from streetveil.storage.s3_options import S3Options

    key, secret, token = settings.aws_access_key_id, settings.aws_secret_access_key, settings.aws_session_token
    return S3ObjectStore.open(
        S3Options(
            bucket=settings.s3_bucket,
            region=settings.aws_region,
            endpoint_url=settings.s3_endpoint_url,
            public_endpoint_url=settings.s3_public_endpoint_url,
            presigned=settings.s3_presigned,
            addressing=settings.s3_addressing,
            access_key_id=key.get_secret_value() if key else None,
            secret_access_key=secret.get_secret_value() if secret else None,
            session_token=token.get_secret_value() if token else None,
            encryption=settings.s3_encryption,
            kms_key_id=settings.s3_kms_key_id,
            request_timeout_s=settings.s3_timeout_s,
        )
    )


def open_queue(settings: Settings) -> JobQueue:
    """The queue in Redis, or one that lives in this process."""
    if settings.redis_url is None:
        from streetveil.queue.memory import MemoryQueue

        return MemoryQueue()
    from streetveil.queue.dramatiq_queue import DramatiqQueue

    return DramatiqQueue(settings.redis_url.get_secret_value(), heartbeat_s=settings.redis_heartbeat_s)


def wait_for(name: str, check: Callable[[], None], patience_s: float) -> None:
    """Returns when the dependency works. Servers that start together may take a moment; a wrong setting does not."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            check()
        except UnavailableError as error:
            if time.monotonic() >= deadline:
                raise
            _log.warning("waiting", dependency=name, code=error.code, detail=error.detail)
            time.sleep(_RETRY_S)
        else:
            return
