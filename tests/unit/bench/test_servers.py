import sqlite3
from contextlib import closing

import pytest

from streetveil import bootstrap
from streetveil.bench import crowd, servers, services
from streetveil.bench.servers import refuse_used
from streetveil.domain.job import JobStatus
from streetveil.domain.options import JobOptions
from streetveil.errors import ConfigurationError, SchemaMismatchError
from streetveil.queue.memory import MemoryQueue
from streetveil.settings import LoadedSettings, Settings
from streetveil.storage.local import LocalObjectStore


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Of three servers: a database in a file, and a queue and a store that only this process has."""
    monkeypatch.setattr(servers, "open_queue", lambda settings: MemoryQueue())
    monkeypatch.setattr(servers, "open_storage", lambda settings: LocalObjectStore.open(tmp_path / "objects"))
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    named = Settings.model_validate({"database_url": url, "redis_url": "redis://nowhere", "s3_bucket": "photos"})
    with bootstrap.open_database(named) as database:
        database.upgrade()
    return named


def add(settings, job):
    with bootstrap.open_database(settings) as database:
        assert database.transact(lambda transaction: transaction.jobs.add(job))


def test_servers_that_hold_nothing_are_nobodys(settings):
    refuse_used(settings)


@pytest.mark.parametrize("status", [JobStatus.SUBMITTED, JobStatus.NEEDS_REVIEW, JobStatus.COMPLETED, JobStatus.FAILED])
def test_a_job_of_any_tenant_and_time_is_somebodys(settings, tmp_path, make_job, status):
    add(settings, make_job(tenant="acme"))
    with closing(sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)) as rows:
        rows.execute("UPDATE processed_images SET status = ?, finished_at = submitted_at", [status.value])

    with pytest.raises(ConfigurationError, match=r"DATABASE_URL has jobs: somebody's photos"):
        refuse_used(settings)


def test_so_are_ids_that_wait_and_photos_without_a_job(settings, tmp_path, monkeypatch):
    queue = MemoryQueue()
    queue.put("id")
    monkeypatch.setattr(servers, "open_queue", lambda settings: queue)
    (tmp_path / "objects/tenants/acme/original").mkdir(parents=True)
    (tmp_path / "objects/tenants/acme/original/photo.jpg").write_bytes(b"photo")

    with pytest.raises(ConfigurationError, match="REDIS_URL has jobs waiting and S3_BUCKET has photos"):
        refuse_used(settings)


def test_a_database_without_its_tables_is_told_of(settings, tmp_path):
    (tmp_path / "jobs.db").unlink()

    with pytest.raises(SchemaMismatchError):
        refuse_used(settings)


def test_nothing_is_started_over_servers_that_are_used(settings, photos, tmp_path, make_job):
    add(settings, make_job(tenant="acme"))
    loaded = LoadedSettings(settings, dict.fromkeys(Settings.model_fields, "environment"))
    folder = tmp_path / "bench"

    with (
        pytest.raises(ConfigurationError, match="somebody's"),
        services.with_servers(loaded, photos, folder, threads=1, options=JobOptions()),
    ):
        pass
    with pytest.raises(ConfigurationError, match="somebody's"):
        next(crowd.on_servers(settings, photos, folder, [3]))
    assert not folder.exists()
