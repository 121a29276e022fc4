"""Real SQLite files in temporary folders."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import Job, JobStatus, new_id
from streetveil.domain.options import JobOptions
from streetveil.storage.keys import original_key

NOW = datetime(2026, 5, 4, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    path = tmp_path_factory.mktemp("migrated") / "jobs.db"
    database = SqlDatabase(open_engine(sqlite_url(path)))
    database.upgrade()
    database.close()
    return path


@pytest.fixture
def path(migrated, tmp_path):
    return shutil.copy(migrated, tmp_path / "jobs.db")


@pytest.fixture
def database(path):
    opened = SqlDatabase(open_engine(sqlite_url(path)))
    yield opened
    opened.close()


@pytest.fixture
def open_empty(migrated, tmp_path):
    """Opens a database without rows, each time another."""
    return lambda: SqlDatabase(open_engine(sqlite_url(Path(shutil.copy(migrated, tmp_path / f"{new_id()}.db")))))


@pytest.fixture
def make_job():
    def make(**more):
        at = more.pop("at", NOW)
        job_id = new_id(at)
        values = {
            "id": job_id,
            "status": JobStatus.SUBMITTED,
            "filename": "street.jpg",
            "file_size": 12,
            "media_type": "image/jpeg",
            "content_sha256": "ab" * 32,
            "original_key": original_key(DEFAULT_TENANT, job_id, "jpg"),
            "options": JobOptions(),
            "created_at": at,
            "updated_at": at,
            "submitted_at": at,
            "due_at": at,
        }
        return Job(**(values | more))

    return make


@pytest.fixture
def add(database, make_job):
    """Adds a job and returns it."""

    def insert(**more):
        job = make_job(**more)
        assert database.transact(lambda transaction: transaction.jobs.add(job))
        return job

    return insert
