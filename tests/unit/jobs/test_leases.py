"""A worker keeps its jobs for as long as it says that it lives, and no longer."""

import threading

from tests.support.house import TENANT

from streetveil.domain.job import JobStatus
from streetveil.jobs.maintain import Recovery


def test_a_job_that_takes_long_stays_with_the_worker_that_lives(house):
    job = house.upload()

    def take_long(data):
        for _ in range(30):
            house.clock.turn(seconds=20)
            house.process.heartbeat()
            assert house.maintain.rescue() == Recovery()

    house.anonymise.before = take_long
    house.drain()
    house.assert_completed(job)
    assert house.row(job.id).claims == 1


def test_a_thread_that_is_stuck_loses_its_job_although_the_process_lives(house):
    job = house.upload()

    def hang(data):
        house.anonymise.before = lambda data: None
        for _ in range(50):
            house.clock.turn(seconds=20)
            house.process.heartbeat()
            house.maintain.rescue()

    house.anonymise.before = hang
    house.drain()
    house.assert_completed(job)
    assert house.row(job.id).claims == 2


def test_only_jobs_that_are_worked_on_are_kept_not_all_that_bear_the_name(house):
    """A claim whose answer was lost bears the worker's name, and nobody works on it."""
    lost = house.claim(house.upload(b"lost"), "worker-1")
    kept = house.upload(b"kept")

    def take_long(data):
        for _ in range(4):
            house.clock.turn(seconds=20)
            house.process.heartbeat()
        assert house.maintain.rescue().requeued == 1
        assert house.row(lost.id).status is JobStatus.SUBMITTED

    house.anonymise.before = take_long
    house.process(kept.id)
    house.assert_completed(kept, b"kept")


def test_a_heartbeat_that_comes_while_a_job_is_taken_for_lost_wins(house):
    job = house.upload()

    def race(data):
        house.clock.turn(seconds=61)
        overdue = house.sql.transact(
            lambda transaction: transaction.jobs.overdue(
                JobStatus.PROCESSING, before=house.clock(), after=None, limit=5
            )
        )
        assert [found.id for found in overdue] == [job.id]
        house.process.heartbeat()
        assert not house.sql.transact(
            lambda transaction: house.maintain._release(
                transaction, job=overdue[0], now=house.clock(), before=house.clock()
            )
        )

    house.anonymise.before = race
    house.drain()
    house.assert_completed(job)


def test_a_heartbeat_does_not_give_a_job_back_to_who_was_overtaken(house):
    job = house.upload()

    def overtake(data):
        house.anonymise.before = lambda data: None
        house.clock.turn(minutes=2)
        house.maintain.rescue()
        due = house.claim(job, "worker-2").due_at
        house.clock.turn(seconds=5)
        house.process.heartbeat()
        assert house.row(job.id).due_at == due

    house.anonymise.before = overtake
    house.process(job.id)
    assert house.row(job.id).worker_id == "worker-2"


def test_who_leaves_frees_its_jobs_at_once_and_is_forgotten(house):
    job = house.upload()

    def leave(data):
        house.anonymise.before = lambda data: None
        house.process.heartbeat()
        assert [worker.id for worker in house.inspect.stats(tenant=TENANT).workers] == ["worker-1"]
        house.process.leave()
        house.clock.turn(seconds=1)
        assert house.maintain.rescue().requeued == 1

    house.anonymise.before = leave
    house.process(house.memory.take(threading.Event()).job_id)
    assert house.inspect.stats(tenant=TENANT).workers == ()
    assert house.row(job.id).status is JobStatus.SUBMITTED


def test_workers_are_seen_with_what_they_do_and_forgotten_after_an_hour(house):
    house.upload()
    seen = []

    def look(data):
        house.process.heartbeat()
        seen.extend(house.inspect.stats(tenant=TENANT).workers)

    house.anonymise.before = look
    house.drain()
    house.process.heartbeat()
    [worker] = seen
    assert (worker.id, worker.processing, worker.last_seen) == ("worker-1", 1, house.clock.now)
    [worker] = house.inspect.stats(tenant=TENANT).workers
    assert (worker.processing, worker.completed) == (0, 1)
    house.clock.turn(minutes=61)
    house.maintain.rescue()
    with house.sql.snapshot() as snapshot:
        assert snapshot.workers.all() == []
