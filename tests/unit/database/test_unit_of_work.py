"""Transactions: all or nothing, actions after the commit, failures by name."""

import threading
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from streetveil.database.base import BatchRow
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import JobStatus, new_id


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
        assert snapshot.jobs.by_idempotency_key("k", tenant=DEFAULT_TENANT) == (job, "f")
        assert snapshot.batches.get(batch.id, tenant=DEFAULT_TENANT) == batch


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
        assert snapshot.jobs.counts(tenant=DEFAULT_TENANT, since=jobs[0].created_at)[JobStatus.PROCESSING] == 40


def _get(database, job_id):
    with database.snapshot() as snapshot:
        return snapshot.jobs.get(job_id)
