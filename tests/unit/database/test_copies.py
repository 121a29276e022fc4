from dataclasses import replace

import pytest

from streetveil.database.copies import add_copies
from streetveil.database.engine import sqlite_url
from streetveil.domain.job import new_id
from streetveil.errors import DatabaseUnavailableError


def test_a_job_is_inserted_again_under_each_id(database, path, make_job):
    job = make_job(due_at=None)
    ids = [new_id() for _ in range(2500)]  # more than one transaction

    add_copies(sqlite_url(path), job, ids)

    with database.snapshot() as snapshot:
        assert snapshot.jobs.waiting() == 2500
        assert [snapshot.jobs.get(job_id) for job_id in (ids[0], ids[-1])] == [
            replace(job, id=job_id) for job_id in (ids[0], ids[-1])
        ]


def test_what_the_database_refuses_is_our_error(tmp_path, make_job):
    with pytest.raises(DatabaseUnavailableError):
        add_copies(sqlite_url(tmp_path / "without-tables.db"), make_job(), [new_id()])
