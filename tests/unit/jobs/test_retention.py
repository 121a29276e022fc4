"""Photos are kept as long as the operator said, and no longer."""

from datetime import timedelta

import pytest
from tests.support.house import TENANT

from streetveil.domain.job import JobStatus
from streetveil.errors import (
    IllegalTransitionError,
    JobNotFoundError,
    OriginalExpiredError,
    StorageUnavailableError,
    UndecodableImageError,
)
from streetveil.jobs.maintain import Maintain, Recovery
from streetveil.jobs.retention import Retention, RetentionPolicy

WEEK = timedelta(days=7)


NOW = timedelta()


def policy(tenants=None, **general):
    return RetentionPolicy(Retention(**general), tenants or {})


def keeper(house, **retention):
    return Maintain(**house.adapters, attempts=house.attempts, retention=policy(**retention), clock=house.clock)


@pytest.fixture
def done(house):
    job = house.upload(b"done")
    house.drain()
    return job


def test_by_default_everything_is_kept_for_ever(house, done):
    house.clock.turn(days=10_000)
    assert house.maintain.recover() == Recovery()
    assert house.inspect.image(done.id, "original", tenant=TENANT)


def test_the_original_goes_and_the_result_stays(house, done):
    maintain = keeper(house, original=WEEK)
    house.clock.turn(days=6)
    assert maintain.run_if_due("a") == Recovery()
    house.clock.turn(days=2)
    assert maintain.run_if_due("a").expired == 1
    assert done.original_key not in house.objects()
    house.assert_completed(done, b"done")
    assert house.row(done.id).original_deleted_at == house.clock.now
    with pytest.raises(OriginalExpiredError, match="no longer kept"):
        house.inspect.image(done.id, "original", tenant=TENANT)
    with pytest.raises(OriginalExpiredError):
        house.inspect.presigned(done.id, "original", tenant=TENANT)
    assert b"".join(house.inspect.image(done.id, "processed", tenant=TENANT).pieces) == b"redacted done"
    house.clock.turn(days=2)
    assert maintain.run_if_due("a") == Recovery()


def test_the_whole_job_goes_in_the_end(house, done):
    maintain = keeper(house, original=timedelta(days=1), result=WEEK)
    house.clock.turn(days=2)
    maintain.run_if_due("a")
    house.clock.turn(days=6)
    assert maintain.run_if_due("a").expired == 1
    assert house.objects() == set()
    assert house.row(done.id).status is JobStatus.ERASED
    with pytest.raises(JobNotFoundError):
        house.inspect.job(done.id, tenant=TENANT)


def test_jobs_that_wait_or_are_worked_on_keep_their_originals_whatever_their_age(house):
    waiting, claimed = house.upload(b"1"), house.upload(b"2")
    house.claim(claimed, "w")
    house.clock.turn(days=30)
    maintain = keeper(house, original=timedelta(), result=timedelta())
    assert maintain.run_if_due("a").expired == 0
    assert house.objects() == {waiting.original_key, claimed.original_key}


def test_a_failed_job_without_its_original_cannot_be_retried(house):
    job = house.upload()
    house.anonymise.failures = [UndecodableImageError("broken")]
    house.drain()
    house.clock.turn(days=8)
    keeper(house, original=WEEK).run_if_due("a")
    with pytest.raises(IllegalTransitionError, match="retention"):
        house.retry(job.id, tenant=TENANT)
    assert house.row(job.id).status is JobStatus.FAILED


def test_an_original_that_storage_could_not_remove_is_an_orphan(make_house):
    class Stubborn:
        def __init__(self, store):
            self._store = store

        def __getattr__(self, name):
            return getattr(self._store, name)

        def delete(self, keys):
            raise StorageUnavailableError("no")

    stubborn = make_house(wrap_storage=Stubborn)
    job = stubborn.upload()
    stubborn.drain()
    stubborn.clock.turn(days=8)
    with pytest.raises(StorageUnavailableError):
        keeper(stubborn, original=WEEK).run_if_due("a")
    house = make_house()
    assert job.original_key in house.objects()
    house.clock.turn(minutes=1)
    assert keeper(house, original=WEEK).run_if_due("b").orphans == 1
    assert job.original_key not in house.objects()
    house.assert_completed(job)


def test_an_erasure_that_storage_interrupts_is_finished_later(make_house):
    house = make_house()
    jobs = [house.upload(b"%d" % number) for number in range(3)]
    house.drain()
    house.clock.turn(days=8)
    delete = house.files.delete
    house.files.delete = lambda keys: (_ for _ in ()).throw(StorageUnavailableError("no"))
    with pytest.raises(StorageUnavailableError):
        keeper(house, result=WEEK).run_if_due("a")
    house.files.delete = delete
    house.clock.turn(minutes=1)
    assert keeper(house, result=WEEK).run_if_due("b").erased == len(jobs)
    assert house.objects() == set()


def test_many_are_removed_in_steps(house, monkeypatch):
    monkeypatch.setattr("streetveil.jobs.retention._AT_A_TIME", 2)
    for number in range(5):
        house.upload(b"%d" % number)
    house.drain()
    house.clock.turn(days=1)
    steps = []
    maintain = keeper(house, original=timedelta(hours=1))
    assert maintain._expire(lambda: steps.append(1)) == 5
    assert len(steps) == 3


def test_with_no_time_at_all_the_original_goes_in_the_moment_of_success(house):
    job = house.upload(b"done")
    house.process = house.worker("w", policy(original=NOW))
    house.drain()
    house.assert_completed(job, b"done")
    assert house.row(job.id).original_deleted_at == house.clock.now
    assert job.original_key not in house.objects()
    with pytest.raises(OriginalExpiredError):
        house.inspect.image(job.id, "original", tenant=TENANT)


def test_what_storage_cannot_remove_in_that_moment_is_an_orphan_and_the_job_completed(house, monkeypatch):
    job = house.upload(b"done")
    house.process = house.worker("w", policy(original=NOW))
    with monkeypatch.context() as broken:
        broken.setattr(house.files, "delete", raising(StorageUnavailableError("no")))
        house.drain()
    house.assert_completed(job, b"done")
    assert job.original_key in house.objects()
    house.clock.turn(hours=2)
    assert house.maintain.recover().orphans == 1
    assert job.original_key not in house.objects()


def test_the_original_stays_where_there_was_no_success(house):
    failed, held = house.upload(b"failed"), house.upload(b"held")
    house.process = house.worker("w", policy(original=NOW))
    house.anonymise.failures = [UndecodableImageError("broken")]
    house.anonymise.needs_review = True
    house.drain()
    assert house.row(held.id).status is JobStatus.NEEDS_REVIEW
    maintain = keeper(house, original=NOW)
    house.clock.turn(days=6)
    assert maintain.run_if_due("a") == Recovery()
    assert house.retry(failed.id, tenant=TENANT).status is JobStatus.SUBMITTED
    house.clock.turn(days=2)
    assert maintain.run_if_due("a").expired == 1
    assert held.original_key not in house.objects()
    assert failed.original_key in house.objects()


def test_how_long_the_original_of_a_failed_job_stays_can_be_said(house):
    job = house.upload()
    house.anonymise.failures = [UndecodableImageError("broken")]
    house.drain()
    maintain = keeper(house, failed=timedelta(hours=1))
    house.clock.turn(hours=2)
    assert maintain.run_if_due("a").expired == 1
    assert job.original_key not in house.objects()


def test_an_original_goes_soon_after_its_job_was_released(house):
    job = house.upload()
    house.anonymise.needs_review = True
    house.process = house.worker("w", policy(original=NOW))
    house.drain()
    house.release(job.id, tenant=TENANT)
    house.clock.turn(minutes=1)
    assert keeper(house, original=NOW).run_if_due("a").expired == 1
    assert job.original_key not in house.objects()


def test_each_tenant_has_the_time_it_was_promised(house):
    jobs = {tenant: house.upload(tenant.encode(), tenant=tenant) for tenant in (TENANT, "short", "for-ever")}
    tenants = {"short": Retention(original=NOW, result=timedelta(days=1)), "for-ever": Retention()}
    retention = {"original": WEEK, "tenants": tenants}
    house.process = house.worker("w", policy(**retention))
    house.drain()
    maintain = keeper(house, **retention)
    kept = {tenant: job.original_key in house.objects() for tenant, job in jobs.items()}
    assert kept == {TENANT: True, "short": False, "for-ever": True}
    house.clock.turn(days=2)
    assert maintain.run_if_due("a").expired == 1
    assert house.row(jobs["short"].id).status is JobStatus.ERASED
    house.clock.turn(days=6)
    assert maintain.run_if_due("a").expired == 1
    kept = {tenant: job.original_key in house.objects() for tenant, job in jobs.items()}
    assert kept == {TENANT: False, "short": False, "for-ever": True}


def test_of_a_tenant_that_leaves_everything_goes(house):
    completed = house.upload(b"done", tenant="leaving")
    house.drain()
    house.anonymise.failures = [UndecodableImageError("The picture ends early.")]
    failed = house.upload(b"broken", tenant="leaving")
    house.drain()
    assert house.row(failed.id).status is JobStatus.FAILED
    stays = house.upload(b"stays")
    house.clock.turn(seconds=1)
    assert keeper(house, tenants={"leaving": Retention(result=NOW)}).run_if_due("a").expired == 2
    assert [house.row(job.id).status for job in (completed, failed)] == [JobStatus.ERASED] * 2
    assert house.objects() == {stays.original_key}


def raising(error):
    def fail(*_arguments):
        raise error

    return fail
