"""Transactions: all or nothing, actions after the commit, failures by name."""

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from streetveil.database.base import BatchRow
from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.domain.job import JobStatus, new_id
from streetveil.errors import ConfigurationError, DatabaseUnavailableError


def test_what_was_done_is_committed_and_then_the_actions_run(database, make_job):
    seen, job = [], make_job()

    def work(transaction):
        transaction.jobs.add(job)
        transaction.after_commit(lambda: seen.append(_get(database, job.id)))
        assert seen == []
        return "done"

    assert database.transact(work) == "done"
    assert seen == [job]


def test_where_the_work_raises_nothing_is_kept_and_no_action_runs(database, make_job):
    job = make_job()

    def work(transaction):
        transaction.jobs.add(job)
        transaction.after_commit(lambda: pytest.fail("the transaction was rolled back"))
        raise KeyError("stop")

    with pytest.raises(KeyError):
        database.transact(work)
    assert _get(database, job.id) is None


def test_an_action_that_fails_stops_neither_the_others_nor_the_caller(database):
    done = []

    def work(transaction):
        transaction.after_commit(lambda: 1 // 0)
        transaction.after_commit(lambda: done.append(True))

    database.transact(work)
    assert done == [True]


def test_jobs_come_back_as_they_went_in(database, make_job):
    batch = BatchRow(new_id(), datetime(2026, 1, 1, 1, 1, 1, 999999, tzinfo=UTC))
    job = make_job(batch_id=batch.id, idempotency_key="k", filename="Straße 🚗.jpg", width=3, height=4)

    def work(transaction):
        transaction.batches.add(batch)
        transaction.jobs.add(job, fingerprint="f")

    database.transact(work)
    with database.snapshot() as snapshot:
        assert snapshot.jobs.get(job.id) == job
        assert snapshot.jobs.by_idempotency_key("k") == (job, "f")
        assert snapshot.batches.get(batch.id) == batch


def test_a_taken_idempotency_key_is_told_and_the_transaction_goes_on(database, make_job):
    first, second, third = (make_job(idempotency_key=key) for key in ("k", "k", "other"))
    added = database.transact(lambda transaction: [transaction.jobs.add(job) for job in (first, second, third)])
    assert added == [True, False, True]
    assert _get(database, second.id) is None
    assert _get(database, third.id) is not None


def test_readers_do_not_wait_for_a_writer(database, make_job):
    job = make_job()

    def work(transaction):
        transaction.jobs.add(job)
        assert _get(database, job.id) is None

    database.transact(work)


def test_writers_in_many_threads_all_get_their_turn(database, make_job):
    jobs = [make_job() for _ in range(40)]

    def add_and_claim(transaction, job):
        assert transaction.jobs.get(job.id) is None  # one that reads first must not find it cannot write
        transaction.jobs.add(job)
        transaction.jobs.claim(job.id, worker_id="w", now=job.created_at, lease=timedelta(minutes=1))

    def write(some):
        for job in some:
            database.transact(partial(add_and_claim, job=job))

    threads = [threading.Thread(target=write, args=(jobs[start::8],)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.snapshot() as snapshot:
        assert snapshot.jobs.counts(since=jobs[0].created_at)[JobStatus.PROCESSING] == 40


def test_a_file_that_is_no_database_is_reported(tmp_path):
    (tmp_path / "jobs.db").write_bytes(b"This is a text, not a database." * 100)
    database = SqlDatabase(open_engine(sqlite_url(tmp_path / "jobs.db")))
    with pytest.raises(DatabaseUnavailableError):
        database.check()
    database.close()


def test_a_database_that_cannot_be_written_to_fails_the_check(database, path):
    database.check()
    database.close()
    holder = sqlite3.connect(path)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN IMMEDIATE")
    impatient = SqlDatabase(open_engine(sqlite_url(path), busy_timeout_s=0.05))
    with pytest.raises(DatabaseUnavailableError):
        impatient.check()
    impatient.close()
    holder.close()


def test_only_the_owner_can_read_the_file(database, path):
    database.check()
    for file in path.parent.glob("jobs.db*"):
        assert file.stat().st_mode & 0o077 == 0, file


@pytest.mark.parametrize(
    "url", ["", "nonsense", "postgresql://user:secret@host/db", "sqlite://", "sqlite:///:memory:", "mysql://secret"]
)
def test_urls_that_cannot_be_used_are_refused_without_repeating_them(url):
    with pytest.raises(ConfigurationError) as error:
        open_engine(url)
    assert "secret" not in error.value.detail


def test_a_commit_waits_until_it_is_on_the_disk(path):
    engine = open_engine(sqlite_url(path))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
    engine.dispose()


def _get(database, job_id):
    with database.snapshot() as snapshot:
        return snapshot.jobs.get(job_id)
