"""SIGKILL at random moments: what was accepted is completed, exactly once, and nothing else is left."""

import random
import subprocess
import sys
from pathlib import Path

from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import JobStatus
from streetveil.domain.reports import JobFilter
from streetveil.storage.keys import FOLDERS
from streetveil.storage.local import LocalObjectStore

SERVICE = Path(__file__).with_name("service.py")
KILLS = 6


def start(root, uploads):
    return subprocess.Popen(
        [sys.executable, SERVICE, root, str(uploads)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def test_every_accepted_job_is_completed_once_although_the_service_is_killed(tmp_path):
    accepted = []
    moments = random.Random(20260504)
    for _ in range(KILLS):
        with start(tmp_path, 1000) as service:
            accepted += [service.stdout.readline().strip() for _ in range(moments.randint(1, 25))]
            service.kill()
            accepted += [line.strip() for line in service.stdout if line.endswith("\n")]
    with start(tmp_path, 0) as service:
        assert service.wait(timeout=60) == 0

    database = SqlDatabase(open_engine(sqlite_url(tmp_path / "jobs.db")))
    with database.snapshot() as snapshot:
        jobs = {
            job.id: job for job in snapshot.jobs.page(JobFilter(), tenant=DEFAULT_TENANT, after=None, limit=100_000)
        }
    database.close()
    assert accepted
    assert set(accepted) <= jobs.keys()
    storage = LocalObjectStore.open(tmp_path / "objects")
    named = set()
    for job in jobs.values():
        assert job.status is JobStatus.COMPLETED
        assert job.result is not None
        assert storage.get(job.result.processed_key) == b"redacted " + storage.get(job.original_key)
        named |= {job.original_key, job.result.processed_key, job.result.metadata_key}
    assert {item.key for folder in FOLDERS for item in storage.list(folder)} == named
    assert not list((tmp_path / "objects").rglob("*#*"))
