"""A failed job gets a second life; no other job does."""

import pytest
from tests.support.house import TENANT

from streetveil.domain.job import JobStatus
from streetveil.errors import IllegalTransitionError, JobNotFoundError, StorageUnavailableError, UndecodableImageError


@pytest.fixture
def failed(house):
    job = house.upload()
    house.anonymise.failures = [UndecodableImageError("broken")]
    house.drain()
    return job


def test_a_failed_job_is_tried_again(house, failed):
    again = house.retry(failed.id, tenant=TENANT)
    assert (again.status, again.failure, again.attempts) == (JobStatus.SUBMITTED, None, 0)
    house.drain()
    house.assert_completed(failed)
    house.assert_nothing_is_left_over()


def test_it_has_all_its_attempts_again(house, failed):
    house.retry(failed.id, tenant=TENANT)
    house.anonymise.failures = [StorageUnavailableError("a moment")] * 2
    house.drain()
    house.assert_completed(failed)


@pytest.mark.parametrize("state", ["submitted", "processing", "completed"])
def test_a_job_that_did_not_fail_is_left_alone(house, state):
    job = house.upload()
    if state == "processing":
        house.claim(job, "w")
    elif state == "completed":
        house.drain()
    depth = house.memory.depth()
    with pytest.raises(IllegalTransitionError, match=state):
        house.retry(job.id, tenant=TENANT)
    assert house.row(job.id).status == state
    assert house.memory.depth() == depth


def test_neither_unknown_nor_erased_jobs_can_be_retried(house, failed):
    house.erase(failed.id, tenant=TENANT)
    for job_id in (failed.id, "nothing", "../../x"):
        with pytest.raises(JobNotFoundError):
            house.retry(job_id, tenant=TENANT)
