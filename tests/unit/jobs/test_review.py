"""A result in which something was still found is held back until a person has looked at it."""

from datetime import timedelta

import pytest
from tests.support.house import TENANT

from streetveil.domain.job import JobStatus
from streetveil.domain.reports import JobFilter
from streetveil.errors import (
    HeldBackError,
    IllegalTransitionError,
    JobNotFoundError,
    OriginalExpiredError,
    ResultNotReadyError,
)
from streetveil.jobs.inspect import result_of
from streetveil.jobs.maintain import Maintain, Recovery
from streetveil.jobs.retention import Retention, RetentionPolicy


@pytest.fixture
def held(house):
    house.anonymise.needs_review = True
    job = house.upload(b"doubtful")
    house.drain()
    house.anonymise.needs_review = False
    return house.row(job.id)


def test_the_result_is_kept_and_handed_out_to_nobody(house, held):
    assert held.status is JobStatus.NEEDS_REVIEW
    assert (held.result, held.failure, held.due_at) == (None, None, None)
    assert house.files.get(held.held.processed_key) == b"redacted doubtful"
    with pytest.raises(HeldBackError, match="release"):
        result_of(held)
    for ask in (house.inspect.image, house.inspect.presigned):
        with pytest.raises(HeldBackError):
            ask(held.id, "processed", tenant=TENANT)
    assert house.inspect.urls(held)[1] is None
    house.assert_nothing_is_left_over()


def test_who_may_release_it_can_look_at_it(house, held):
    shown = house.inspect.image(held.id, "review", tenant=TENANT)
    assert b"".join(shown.pieces) == b"redacted doubtful"
    assert shown.file_name == "street-review.jpg"
    assert held.held.processed_key in house.inspect.review_url(held)


@pytest.mark.parametrize("released", [False, True])
def test_of_other_jobs_there_is_nothing_to_review(house, held, released):
    job = house.release(held.id, tenant=TENANT) if released else house.upload(b"another")
    house.drain()
    with pytest.raises(ResultNotReadyError, match="review"):
        house.inspect.image(job.id, "review", tenant=TENANT)


def test_released_it_is_a_job_like_any_other(house, held):
    house.clock.turn(hours=5)
    released = house.release(held.id, tenant=TENANT)
    assert released == house.row(held.id)
    assert (released.status, released.held, released.finished_at) == (JobStatus.COMPLETED, None, house.clock.now)
    house.assert_completed(held, b"doubtful")
    assert b"".join(house.inspect.image(held.id, "processed", tenant=TENANT).pieces) == b"redacted doubtful"
    house.assert_nothing_is_left_over()


def test_nothing_found_in_it_is_known_before_it_is_released(house, held):
    def faces():
        return [job.id for job in house.inspect.page(JobFilter(is_face_blurred=True), tenant=TENANT).jobs]

    assert faces() == []
    house.release(held.id, tenant=TENANT)
    assert faces() == [held.id]


@pytest.mark.parametrize("state", ["submitted", "processing", "completed", "failed"])
def test_a_job_that_needs_no_review_is_not_released(house, state):
    job = house.upload()
    if state == "processing":
        house.claim(job, "w")
    elif state != "submitted":
        house.anonymise.failures = [ValueError()] * 9 if state == "failed" else []
        house.drain()
    before = house.row(job.id)
    with pytest.raises(IllegalTransitionError, match=state):
        house.release(job.id, tenant=TENANT)
    assert house.row(job.id) == before


def test_neither_unknown_nor_erased_jobs_are_released(house, held):
    house.erase(held.id, tenant=TENANT)
    assert house.objects() == set()
    for job_id in (held.id, "nothing"):
        with pytest.raises(JobNotFoundError):
            house.release(job_id, tenant=TENANT)


def test_it_can_be_done_again_and_what_was_held_back_goes(house, held):
    again = house.retry(held.id, tenant=TENANT)
    assert (again.status, again.held, again.attempts) == (JobStatus.SUBMITTED, None, 0)
    house.drain()
    house.assert_completed(held, b"doubtful")
    house.clock.turn(hours=2)
    assert house.maintain.recover() == Recovery(orphans=2)
    house.assert_nothing_is_left_over()


def test_it_is_no_orphan_however_long_nobody_looks(house, held):
    house.clock.turn(days=100)
    assert house.maintain.recover() == Recovery()
    assert house.row(held.id) == held
    house.assert_nothing_is_left_over()


def test_retention_counts_for_it_too(house, held):
    retention = RetentionPolicy(Retention(original=timedelta(days=7), result=timedelta(days=9)))
    maintain = Maintain(**house.adapters, retention=retention, clock=house.clock)
    house.clock.turn(days=8)
    assert maintain.run_if_due("a").expired == 1
    with pytest.raises(OriginalExpiredError):
        house.inspect.image(held.id, "original", tenant=TENANT)
    with pytest.raises(IllegalTransitionError, match="retention"):
        house.retry(held.id, tenant=TENANT)
    house.clock.turn(days=2)
    assert maintain.run_if_due("a").expired == 1
    assert house.objects() == set()


def test_figures_count_it_as_waiting_and_as_no_result(house, held):
    house.clock.turn(days=2)
    stats = house.inspect.stats(tenant=TENANT)
    assert stats.by_status[JobStatus.NEEDS_REVIEW] == 1
    assert (stats.total, stats.success_rate, stats.recent.latency) == (1, None, None)
    assert [job.id for job in house.inspect.page(JobFilter(status=JobStatus.NEEDS_REVIEW), tenant=TENANT).jobs] == [
        held.id
    ]


def test_a_batch_counts_it(house):
    batch_id = house.submit.new_batch(tenant=TENANT)
    house.anonymise.needs_review = True
    house.upload(batch_id=batch_id)
    house.drain()
    batch = house.inspect.batch(batch_id, tenant=TENANT)
    assert (batch.counts[JobStatus.NEEDS_REVIEW], batch.total) == (1, 1)


def test_a_worker_thought_lost_cannot_hold_back_the_result_of_its_successor(house):
    job = house.upload()
    successor = house.worker("worker-2")

    def overtake(data):
        house.anonymise.before = lambda data: None
        house.clock.turn(hours=1)
        house.maintain.recover()
        successor(job.id)
        house.anonymise.needs_review = True

    house.anonymise.before = overtake
    house.process(job.id)
    house.assert_completed(job)
    house.assert_nothing_is_left_over()
