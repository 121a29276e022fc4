"""Reversible photos: what was made unrecognisable is kept sealed, for a while, and goes with everything else."""

from contextlib import suppress
from datetime import timedelta

import pytest
from tests.support.house import CROPS, TENANT
from tests.unit.jobs.test_crashes import Fault, Killed, wrapped_by

from streetveil.crops.envelope import EnvelopeVault
from streetveil.crops.keys import KeyFolder
from streetveil.domain.audit import AuditAction
from streetveil.domain.job import JobStatus
from streetveil.domain.options import JobOptions
from streetveil.errors import (
    CropsExpiredError,
    CropsKeyMissingError,
    CropsNotFoundError,
    CropsUnreadableError,
    InvalidOptionError,
    JobNotFoundError,
    ResultNotReadyError,
    StorageUnavailableError,
)
from streetveil.jobs.retention import Retention, RetentionPolicy
from streetveil.storage.keys import crops_key

REVERSIBLE = JobOptions(reversible=True)


@pytest.fixture
def keys(tmp_path):
    folder = KeyFolder(tmp_path / "keys")
    folder.create(TENANT)
    return folder


@pytest.fixture
def house(make_house, keys):
    return make_house(vault=EnvelopeVault(keys))


@pytest.fixture
def job(house):
    done = house.upload(options=REVERSIBLE)
    house.drain()
    return done


def sealed_of(house, job):
    return crops_key(job.tenant, job.id, house.row(job.id).claims)


def test_they_are_kept_sealed_and_come_back(house, job):
    house.assert_completed(job)
    house.assert_nothing_is_left_over()
    assert CROPS not in house.files.get(sealed_of(house, job))
    assert house.inspect.crops(job.id, tenant=TENANT) == CROPS


def test_in_the_clear_they_are_nowhere_on_the_disk(house, job):
    files = [path for path in house.root.rglob("*") if path.is_file()]
    assert house.root / "objects" / sealed_of(house, job) in files
    for path in files:
        assert CROPS not in path.read_bytes(), path


def test_of_other_photos_nothing_is_kept(house):
    job = house.upload()
    house.drain()
    assert not any(key.startswith("crops/") for key in house.objects())
    with pytest.raises(CropsNotFoundError):
        house.inspect.crops(job.id, tenant=TENANT)


def test_another_tenant_s_job_is_none(house, job):
    with pytest.raises(JobNotFoundError):
        house.inspect.crops(job.id, tenant="other")


def test_there_are_none_before_the_photo_is_done(house):
    job = house.upload(options=REVERSIBLE)
    with pytest.raises(ResultNotReadyError):
        house.inspect.crops(job.id, tenant=TENANT)


def test_where_two_are_swapped_neither_opens(house, job):
    other = house.upload(b"another", options=REVERSIBLE)
    house.drain()
    ours, theirs = (house.files.get(sealed_of(house, item)) for item in (job, other))
    house.files.put(sealed_of(house, job), theirs, content_type="")
    house.files.put(sealed_of(house, other), ours, content_type="")
    for item in (job, other):
        with pytest.raises(CropsUnreadableError):
            house.inspect.crops(item.id, tenant=TENANT)


def test_without_the_key_they_are_gone_and_nothing_else_is(house, job, keys):
    keys.delete(TENANT)
    with pytest.raises(CropsUnreadableError, match="gone"):
        house.inspect.crops(job.id, tenant=TENANT)
    house.assert_completed(job)


def test_who_has_no_key_is_refused_at_the_door(house, make_house):
    with pytest.raises(CropsKeyMissingError):
        house.upload(options=REVERSIBLE, tenant="other")
    with pytest.raises(InvalidOptionError):
        make_house("without").upload(options=REVERSIBLE)
    assert not house.objects()


def test_where_the_key_goes_meanwhile_the_job_fails_before_any_work(house, keys):
    job = house.upload(options=REVERSIBLE)
    keys.delete(TENANT)
    house.drain()
    row = house.row(job.id)
    assert row.failure is not None
    assert (row.status, row.failure.code) == (JobStatus.FAILED, "crops_key_missing")
    assert not house.anonymise.seen
    house.assert_nothing_is_left_over()


def test_their_time_is_counted_from_success(house, keys):
    terms = RetentionPolicy(Retention(crops=timedelta(days=2)), {"acme": Retention(crops=timedelta(days=9))})
    keys.create("acme")
    worker = house.worker("other", terms)
    jobs = [house.upload(options=REVERSIBLE, tenant=tenant) for tenant in (TENANT, "acme")]
    for job in jobs:
        worker(job.id)
    house.clock.turn(days=2)
    # Also before maintenance comes by.
    with pytest.raises(CropsExpiredError):
        house.inspect.crops(jobs[0].id, tenant=TENANT)
    assert house.inspect.crops(jobs[1].id, tenant="acme") == CROPS
    assert house.maintain.run_if_due("a").expired == 1
    assert crops_key(TENANT, jobs[0].id, 1) not in house.objects()
    assert crops_key("acme", jobs[1].id, 1) in house.objects()
    with pytest.raises(CropsExpiredError):
        house.inspect.crops(jobs[0].id, tenant=TENANT)
    house.assert_completed(jobs[0])
    with house.sql.snapshot() as snapshot:
        told = [(item.action, item.details) for item in snapshot.audit.waiting_of(jobs[0].id)]
        told += [(item.event.action, item.event.details) for item in snapshot.audit.newest(10, job_id=jobs[0].id)]
    assert (AuditAction.EXPIRE, {"what": "crops"}) in told


def test_where_their_removal_is_interrupted_they_are_orphans(make_house, keys):
    house = make_house(vault=EnvelopeVault(keys))
    job = house.upload(options=REVERSIBLE)
    house.drain()
    house.clock.turn(days=31)
    delete, house.files.delete = house.files.delete, _failing
    with suppress(StorageUnavailableError):
        house.maintain.run_if_due("a")
    house.files.delete = delete
    assert sealed_of(house, job) in house.objects()
    house.maintain.recover(alone=True)
    house.assert_nothing_is_left_over()
    assert not any(key.startswith("crops/") for key in house.objects())


def _failing(keys):
    raise StorageUnavailableError("struck")


def test_maintenance_leaves_them_where_they_belong_to_a_job(house, job):
    house.clock.turn(days=1)
    assert house.maintain.recover().orphans == 0
    assert house.inspect.crops(job.id, tenant=TENANT) == CROPS


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_where_the_process_dies_at_any_step_they_are_there_in_the_end_and_nothing_else_is(make_house, keys, after):
    step, vault = 0, EnvelopeVault(keys)
    while True:
        step += 1
        fault = Fault(step, after=after, deadly=True)
        doomed = make_house(f"died-{step}", vault=vault, **wrapped_by(fault))
        with suppress(Killed):
            doomed.upload(options=REVERSIBLE)
            doomed.drain()
        doomed.close()
        restarted = make_house(f"died-{step}", vault=vault)
        restarted.clock.catch_up()
        restarted.maintain.recover(alone=True)
        restarted.drain()
        restarted.maintain.recover(alone=True)
        restarted.assert_nothing_is_left_over()
        for job in restarted.jobs():
            assert restarted.inspect.crops(job.id, tenant=TENANT) == CROPS
        restarted.close()
        if not fault.struck:
            break
    assert step > 8


def test_erasing_removes_them_and_the_proof_counts_them(house, job):
    house.erase(job.id, tenant=TENANT)
    assert not house.objects()
    house.maintain.recover()
    proof = house.prove_erasure(job.id)
    assert proof.problems == ()
    assert crops_key(TENANT, job.id, 1) in proof.objects
    house.clock.turn(days=31)
    assert house.maintain.recover().expired == 0


def test_a_photo_that_needs_review_has_them_too_until_it_is_done_again(house):
    house.anonymise.needs_review = True
    job = house.upload(options=REVERSIBLE)
    house.drain()
    assert house.row(job.id).status is JobStatus.NEEDS_REVIEW
    assert house.inspect.crops(job.id, tenant=TENANT) == CROPS
    house.retry(job.id, tenant=TENANT)
    with pytest.raises(ResultNotReadyError):
        house.inspect.crops(job.id, tenant=TENANT)
    house.drain()
    house.release(job.id, tenant=TENANT)
    assert house.inspect.crops(job.id, tenant=TENANT) == CROPS
    house.clock.turn(hours=3)
    house.maintain.recover()
    house.assert_nothing_is_left_over()


def test_they_outlive_an_original_that_goes_at_once(house):
    worker = house.worker("other", RetentionPolicy(Retention(original=timedelta())))
    job = house.upload(options=REVERSIBLE)
    worker(job.id)
    assert job.original_key not in house.objects()
    assert house.inspect.crops(job.id, tenant=TENANT) == CROPS
