"""What was left by whoever stopped in the middle is put right; what others are at is left alone."""

from dataclasses import replace

import pytest

from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import JobFailure, JobResult, JobStatus, new_id
from streetveil.jobs.maintain import Recovery
from streetveil.storage.keys import metadata_key, original_key, processed_key


def claim(house, job):
    return house.claim(job, "lost")


def test_after_a_restart_every_job_is_finished(make_house):
    before = make_house()
    jobs = [before.upload(b"%d" % number) for number in range(5)]
    claim(before, jobs[0])
    after = make_house()
    assert after.maintain.recover(alone=True).requeued == 5
    after.drain()
    for number, job in enumerate(jobs):
        after.assert_completed(job, b"%d" % number)
    after.assert_nothing_is_left_over()


def test_what_others_work_on_is_left_alone_while_their_lease_lasts(house):
    job = house.upload()
    claimed = claim(house, job)
    house.drain()
    house.clock.turn(seconds=59)
    assert house.maintain.recover() == Recovery()
    house.clock.turn(seconds=2)
    assert house.maintain.recover().requeued == 1
    assert house.row(job.id).status is JobStatus.SUBMITTED
    assert house.row(job.id).failure.code == "worker_lost"
    assert not house.sql.transact(
        lambda transaction: transaction.jobs.complete(claimed, _result(claimed), now=house.clock())
    )


def test_a_submitted_job_whose_id_is_not_overdue_is_not_queued_again(make_house):
    make_house().upload()
    other = make_house()
    assert other.maintain.rescue() == Recovery()
    other.clock.turn(seconds=16)
    assert other.maintain.rescue().requeued == 1
    assert other.maintain.rescue() == Recovery()
    assert other.memory.depth() == 1


def test_a_photo_that_kills_its_workers_is_given_up(house):
    job = house.upload()
    for _ in range(house.attempts.most):
        claim(house, job)
        house.maintain.rescue(alone=True)
    row = house.row(job.id)
    assert row.status is JobStatus.FAILED
    assert row.failure.code == "worker_lost"


def test_a_delayed_retry_stays_delayed_over_a_restart(make_house):
    before = make_house()
    claimed = claim(before, before.upload())
    due_at = before.clock.now.replace(year=before.clock.now.year + 1)
    before.sql.transact(
        lambda transaction: transaction.jobs.postpone(claimed, _failure(), now=before.clock(), due_at=due_at)
    )
    after = make_house()
    after.maintain.rescue(alone=True)
    assert after.memory.depth() == 1
    assert after.row(claimed.id).due_at == due_at


def test_objects_without_a_job_are_removed_when_they_are_old(house):
    stray = new_id()
    keys = [
        original_key(DEFAULT_TENANT, stray, "jpg"),
        processed_key(DEFAULT_TENANT, stray, 1, "jpg"),
        metadata_key(DEFAULT_TENANT, stray, 1),
    ]
    for key in keys:
        house.files.put(key, b"x", content_type="image/jpeg")
    assert house.maintain.recover().orphans == 0
    house.clock.turn(hours=2)
    assert house.maintain.recover().orphans == 3
    assert house.objects() == set()


def test_what_lost_claims_wrote_is_removed_and_the_result_stays(house):
    job = house.upload()
    claimed = claim(house, job)
    house.files.put(processed_key(DEFAULT_TENANT, job.id, claimed.claims, "jpg"), b"half", content_type="image/jpeg")
    house.maintain.rescue(alone=True)
    house.drain()
    house.clock.turn(hours=2)
    assert house.maintain.recover().orphans == 1
    house.assert_completed(job)
    house.assert_nothing_is_left_over()


def test_what_a_running_claim_wrote_is_left_alone(house):
    job = house.upload()
    claimed = claim(house, job)
    key = processed_key(DEFAULT_TENANT, job.id, claimed.claims, "jpg")
    house.files.put(key, b"soon complete", content_type="image/jpeg")
    house.clock.turn(hours=2)
    assert house.maintain.remove_orphans(house.clock()) == 0
    assert key in house.objects()


def test_files_that_are_not_ours_are_left_alone(house):
    path = house.root / "objects" / "original" / "holiday.jpg"
    path.write_bytes(b"x")
    house.clock.turn(hours=2)
    assert house.maintain.recover().orphans == 0
    assert path.exists()


@pytest.mark.parametrize("count", [499, 501])
def test_many_jobs_are_all_found(make_house, count):
    before = make_house(max_queue_size=10_000)
    first = before.upload()
    before.sql.transact(lambda transaction: [transaction.jobs.add(_twin(first)) for _ in range(count - 1)])
    after = make_house()
    assert after.maintain.rescue(alone=True).requeued == count
    assert after.memory.depth() == count


def _twin(job):
    job_id = new_id()
    return replace(job, id=job_id, original_key=original_key(DEFAULT_TENANT, job_id, "jpg"))


def _failure():
    return JobFailure("storage_unavailable", "down")


def _result(claimed):
    return JobResult(
        processed_key(DEFAULT_TENANT, claimed.id, claimed.claims, "jpg"),
        metadata_key(DEFAULT_TENANT, claimed.id, claimed.claims),
        1.0,
        {},
        {},
    )
