"""The path of one photo through a worker, and the ways it can end."""

import json
import threading
from datetime import timedelta

import pytest
from tests.support.house import TENANT

from streetveil.domain.job import JobStatus
from streetveil.errors import (
    DatabaseUnavailableError,
    OutcomeUnknownError,
    StorageUnavailableError,
    UndecodableImageError,
)
from streetveil.jobs.backoff import Backoff


def test_a_photo_becomes_a_result(house):
    job = house.upload(b"bytes")
    house.drain()
    row = house.row(job.id)
    house.assert_completed(job, b"bytes")
    assert row.worker_id == "worker-1"
    assert row.attempts == 1
    assert row.finished_at is not None
    assert row.failure is None
    assert row.result.blur_metadata["faces_blurred"] == 1
    document = json.loads(house.files.get(row.result.metadata_key))
    assert document["detection_metadata"]["vehicles"][0]["class"] == "bus"
    house.assert_nothing_is_left_over()


def test_nothing_stored_beside_the_result_names_the_uploaded_file(house):
    job = house.upload(filename="my-neighbour.jpg")
    house.drain()
    assert b"neighbour" not in house.files.get(house.row(job.id).result.metadata_key)


def test_the_processing_time_runs_from_the_claim(house):
    job = house.upload()
    house.anonymise.before = lambda data: house.clock.turn(seconds=2)
    house.clock.turn(minutes=5)
    house.drain()
    assert house.row(job.id).result.processing_time == pytest.approx(2)


def test_an_id_delivered_twice_is_worked_on_once(house):
    job = house.upload()
    house.process(job.id)
    house.process(job.id)
    assert len(house.anonymise.seen) == 1
    house.assert_nothing_is_left_over()


def test_an_id_without_a_job_is_passed_over(house):
    house.process("01890000-0000-7000-8000-000000000000")
    assert house.anonymise.seen == []


def test_a_broken_photo_fails_at_once_with_its_code(house):
    job = house.upload()
    house.anonymise.failures = [UndecodableImageError("The JPEG ends early.")]
    house.drain()
    row = house.row(job.id)
    assert row.status is JobStatus.FAILED
    assert (row.failure.code, row.failure.detail) == ("undecodable_image", "The JPEG ends early.")
    assert row.attempts == 1
    house.assert_nothing_is_left_over()


def test_a_passing_trouble_is_tried_again(house):
    job = house.upload()
    house.anonymise.failures = [StorageUnavailableError("a moment"), StorageUnavailableError("another")]
    house.drain()
    house.assert_completed(job)
    assert house.row(job.id).attempts == 3
    house.assert_nothing_is_left_over()


def test_a_trouble_that_does_not_pass_fails_the_job_after_the_last_attempt(house):
    job = house.upload()
    house.anonymise.failures = [StorageUnavailableError("down")] * 10
    house.drain()
    row = house.row(job.id)
    assert row.status is JobStatus.FAILED
    assert row.failure.code == "storage_unavailable"
    assert row.attempts == 3
    assert len(house.anonymise.seen) == 3
    house.assert_nothing_is_left_over()


def test_an_unexpected_error_is_retried_and_then_reported_without_its_text(house):
    job = house.upload()
    house.anonymise.failures = [ValueError("secret"), MemoryError(), ValueError("secret")]
    house.drain()
    row = house.row(job.id)
    assert row.status is JobStatus.FAILED
    assert row.failure.code == "internal_error"
    assert "secret" not in row.failure.detail
    house.assert_nothing_is_left_over()


def test_an_unexpected_error_of_the_moment_does_no_harm(house):
    job = house.upload()
    house.anonymise.failures = [RuntimeError("once")]
    house.drain()
    house.assert_completed(job)


def test_a_retry_waits_and_the_queue_counts_it(make_house):
    house = make_house(backoff=Backoff(first_s=60, jitter=lambda: 0.5))
    job = house.upload()
    house.anonymise.failures = [StorageUnavailableError("down")]
    house.process(house.memory.take(threading.Event()).job_id)
    assert house.memory.depth() == 1
    assert house.row(job.id).due_at == house.clock.now + timedelta(seconds=60)
    assert house.row(job.id).failure.code == "storage_unavailable"


def test_an_original_that_is_gone_fails_the_job(house):
    job = house.upload()
    house.files.delete([job.original_key])
    house.drain()
    row = house.row(job.id)
    assert row.status is JobStatus.FAILED
    assert row.failure.code == "object_missing"
    assert "upload the photo again" in row.failure.detail
    assert row.attempts == 1


def test_a_job_erased_while_it_is_worked_on_leaves_nothing(house):
    job = house.upload()
    house.anonymise.before = lambda data: house.erase(job.id, tenant=TENANT)
    house.drain()
    assert house.row(job.id).status is JobStatus.ERASED
    assert house.objects() == set()


def test_a_worker_thought_lost_cannot_touch_the_result_of_its_successor(house):
    job = house.upload()
    successor = house.worker("worker-2")

    def overtake(data):
        house.anonymise.before = lambda data: None
        house.clock.turn(hours=1)
        house.maintain.recover()
        successor(job.id)
        house.anonymise.prefix = b"too late "

    house.anonymise.before = overtake
    house.process(job.id)
    house.assert_completed(job)
    assert house.row(job.id).worker_id == "worker-2"
    assert house.row(job.id).claims == 2
    house.assert_nothing_is_left_over()


def test_a_worker_thought_lost_whose_job_was_not_taken_up_yet_cannot_finish_it(house):
    job = house.upload()

    def lose(data):
        house.anonymise.before = lambda data: None
        house.clock.turn(hours=1)
        house.maintain.recover()

    house.anonymise.before = lose
    house.process(job.id)
    assert house.row(job.id).status is JobStatus.SUBMITTED
    house.assert_nothing_is_left_over()
    house.drain()
    house.assert_completed(job)


def test_the_id_is_queued_again_where_the_database_cannot_be_asked(make_house):
    down: list[Exception] = []

    class Shaky:
        def __init__(self, database):
            self._database = database
            self.snapshot = database.snapshot

        def transact(self, work):
            if down:
                raise down.pop()
            return self._database.transact(work)

    house = make_house(wrap_database=Shaky)
    job = house.upload()
    down.append(DatabaseUnavailableError("locked"))
    house.drain()
    house.assert_completed(job)


class Forgetful:
    """A database that fails some commits, before or after they happened."""

    def __init__(self, database):
        self._database = database
        self.snapshot = database.snapshot
        self.fails: list[str] = []

    def transact(self, work):
        fails = self.fails.pop(0) if self.fails else ""
        if fails == "before":
            raise DatabaseUnavailableError("down")

        def without_actions(transaction):
            result = work(transaction)
            transaction._actions.clear()
            return result

        result = self._database.transact(without_actions if fails else work)
        if fails == "after":
            raise OutcomeUnknownError("lost")
        return result


@pytest.mark.parametrize("fails", [["before"], ["after"], ["before", "after"], ["before"] * 4])
@pytest.mark.parametrize("ending", ["completed", "held", "postponed", "failed"])
def test_how_it_ended_is_recorded_although_the_database_is_away_for_a_while(make_house, fails, ending):
    house = make_house(wrap_database=Forgetful)
    job = house.upload()
    errors = {"postponed": [StorageUnavailableError("a moment")], "failed": [UndecodableImageError("broken")]}
    house.anonymise.failures = errors.get(ending, [])
    house.anonymise.needs_review = ending == "held"
    house.anonymise.before = lambda data: setattr(house.adapters["database"], "fails", list(fails))
    house.process(house.memory.take(threading.Event()).job_id)
    assert len(house.anonymise.seen) == 1
    if ending == "failed":
        assert house.row(job.id).failure.code == "undecodable_image"
        return
    if ending == "held":
        assert house.row(job.id).status is JobStatus.NEEDS_REVIEW
        house.assert_nothing_is_left_over()
        return
    house.anonymise.before = lambda data: None
    assert house.memory.depth() == (ending == "postponed")  # queued again, and not lost
    house.drain()
    house.assert_completed(job)
    assert house.row(job.id).claims == (2 if ending == "postponed" else 1)
    house.assert_nothing_is_left_over()


def test_while_the_database_stays_away_the_job_is_left_to_others(make_house):
    house = make_house(wrap_database=Forgetful)
    job = house.upload()
    house.anonymise.before = lambda data: setattr(house.adapters["database"], "fails", ["before"] * 50)
    with pytest.raises(DatabaseUnavailableError):
        house.process(house.memory.take(threading.Event()).job_id)
    house.adapters["database"].fails.clear()
    house.anonymise.before = lambda data: None
    house.clock.turn(seconds=61)
    house.process.heartbeat()
    assert house.maintain.rescue().requeued == 1
    house.drain()
    house.assert_completed(job)


def test_many_workers_with_the_same_ids_make_each_result_once(house):
    jobs = [house.upload(b"photo %d" % number) for number in range(12)]
    together = threading.Barrier(4)

    def work(name):
        worker = house.worker(name)
        together.wait()
        for job in jobs:
            worker(job.id)

    threads = [threading.Thread(target=work, args=(f"worker-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(house.anonymise.seen) == sorted(b"photo %d" % number for number in range(12))
    for number, job in enumerate(jobs):
        house.assert_completed(job, b"photo %d" % number)
        assert house.row(job.id).claims == 1
    house.assert_nothing_is_left_over()


def test_delays_double_jitter_and_end():
    backoff = Backoff(first_s=2, longest_s=100, jitter=lambda: 0.5)
    assert [backoff.delay_s(attempt) for attempt in (1, 2, 3, 4)] == [2, 4, 8, 16]
    assert backoff.delay_s(1000) == 100
    assert 1 <= Backoff(first_s=2).delay_s(1) <= 3
