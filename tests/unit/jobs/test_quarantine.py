"""A photo that ends the processes working on it is tried twice, whatever else fails meanwhile, and then left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.house import TENANT

from streetveil.domain.job import JobStatus
from streetveil.errors import (
    DecoderCrashedError,
    DecoderUnavailableError,
    PhotoMemoryError,
    PhotoTimeoutError,
    QuarantinedError,
    UndecodableImageError,
)

CRASH = DecoderCrashedError("it ended: SIGSEGV")
OTHER = DecoderUnavailableError("no process")


def worked_on(house, job, failures):
    house.anonymise.failures[:] = failures
    house.drain()
    return house.row(job.id)


@pytest.mark.parametrize("error", [CRASH, PhotoTimeoutError("too long"), PhotoMemoryError("too much")])
def test_a_photo_that_does_harm_twice_has_failed(house, error):
    job = house.upload()
    row = worked_on(house, job, [error] * 5)
    assert (row.status, row.failure.code, row.attempts) == (JobStatus.FAILED, error.code, 2)


def test_a_photo_that_does_harm_once_is_completed(house):
    job = house.upload()
    assert worked_on(house, job, [CRASH]).status is JobStatus.COMPLETED


def test_harm_is_remembered_while_something_else_fails(house):
    house.attempts = replace(house.attempts, most=10)
    house.process = house.worker("worker-2")
    job = house.upload()
    row = worked_on(house, job, [CRASH, OTHER, OTHER, PhotoTimeoutError("too long"), OTHER])
    assert (row.status, row.failure.code, row.attempts) == (JobStatus.FAILED, "photo_timeout", 4)


def test_what_was_no_harm_has_all_its_attempts(house):
    job = house.upload()
    row = worked_on(house, job, [OTHER] * 5)
    assert (row.status, row.failure.code, row.attempts) == (JobStatus.FAILED, OTHER.code, 3)


def test_quarantine_is_left_by_force_alone_and_then_counts_anew(house):
    job = house.upload()
    worked_on(house, job, [CRASH, CRASH])
    with pytest.raises(QuarantinedError, match="--force"):
        house.retry(job.id, tenant=TENANT)
    assert house.row(job.id).status is JobStatus.FAILED
    house.retry(job.id, force=True, tenant=TENANT)
    row = worked_on(house, job, [CRASH, CRASH])
    assert (row.status, row.attempts) == (JobStatus.FAILED, 2)
    house.retry(job.id, force=True, tenant=TENANT)
    assert worked_on(house, job, []).status is JobStatus.COMPLETED


def test_other_failures_are_retried_without_force(house):
    job = house.upload()
    worked_on(house, job, [UndecodableImageError("broken")])
    assert house.retry(job.id, tenant=TENANT).status is JobStatus.SUBMITTED


def test_where_photos_share_the_workers_process_two_lost_workers_are_enough(house):
    house.maintain._attempts = replace(house.attempts, most=10, loss_is_harm=True)
    job = house.upload()
    for _ in range(2):
        house.claim(job, "lost")
        house.maintain.rescue(alone=True)
    row = house.row(job.id)
    assert (row.status, row.failure.code) == (JobStatus.FAILED, "worker_lost")
    assert house.retry(job.id, tenant=TENANT).status is JobStatus.SUBMITTED  # it may have been the worker after all


def test_where_they_do_not_a_lost_worker_is_not_held_against_the_photo(house):
    house.maintain._attempts = replace(house.attempts, most=10)
    job = house.upload()
    for _ in range(5):
        house.claim(job, "lost")
        house.maintain.rescue(alone=True)
    assert house.row(job.id).status is JobStatus.SUBMITTED
