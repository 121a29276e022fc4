"""Tenants share workers, queue and maintenance, and nothing else."""

import pytest
from tests.support.house import TENANT

from streetveil.domain.job import JobStatus, new_id
from streetveil.domain.reports import JobFilter
from streetveil.errors import BatchNotFoundError, IdempotencyConflictError, JobNotFoundError, UndecodableImageError
from streetveil.storage.keys import metadata_key, original_key, processed_key


@pytest.fixture
def two(house):
    """A house with a completed job of each of two tenants."""
    ours = house.upload(b"ours", tenant="a")
    house.clock.turn(seconds=1)
    theirs = house.upload(b"theirs", tenant="b")
    house.drain()
    return house, ours, theirs


def test_one_worker_works_for_all(two):
    house, ours, theirs = two
    house.assert_completed(ours, b"ours")
    house.assert_completed(theirs, b"theirs")


def test_objects_of_each_lie_apart_and_those_of_the_default_one_where_they_always_did(two):
    house, ours, theirs = two
    always = house.upload()
    house.drain()
    parts = [("original", "jpg"), ("processed", "jpg"), ("metadata", "json")]
    assert house.objects() == {
        f"{folder}{kind}/{job.id}.{extension}"
        for folder, job in (("tenants/a/", ours), ("tenants/b/", theirs), ("", always))
        for kind, extension in parts
    }


@pytest.mark.parametrize("tenant", ["b", TENANT, "nobody"])
def test_for_others_a_job_is_not_there(house, tenant):
    failed = house.upload(tenant="a")
    house.anonymise.failures = [UndecodableImageError("It ends early.")]
    house.drain()
    house.anonymise.needs_review = True
    held = house.upload(tenant="a")
    house.drain()
    before = house.row(failed.id), house.row(held.id), house.objects()
    asked = [
        lambda: house.inspect.job(held.id, tenant=tenant),
        lambda: house.inspect.image(held.id, "original", tenant=tenant),
        lambda: house.inspect.presigned(held.id, "review", tenant=tenant),
        lambda: house.retry(failed.id, tenant=tenant, force=True),
        lambda: house.release(held.id, tenant=tenant),
        lambda: house.erase(held.id, tenant=tenant),
    ]
    for ask in asked:
        with pytest.raises(JobNotFoundError):
            ask()
    assert (house.row(failed.id), house.row(held.id), house.objects()) == before
    assert house.memory.depth() == 0


def test_an_erasure_that_storage_interrupted_is_nothing_for_others_to_repeat(two):
    house, ours, _ = two
    house.erase(ours.id, tenant="a")
    with pytest.raises(JobNotFoundError):
        house.erase(ours.id, tenant="b")


def test_the_owner_retries_releases_and_erases(house):
    house.anonymise.needs_review = True
    job = house.upload(tenant="a")
    house.drain()
    assert house.retry(job.id, tenant="a").status is JobStatus.SUBMITTED
    house.drain()
    assert house.release(job.id, tenant="a").result.processed_key == f"tenants/a/processed/{job.id}.2.jpg"
    house.erase(job.id, tenant="a")
    assert house.objects() == set()


def test_a_batch_is_there_for_its_tenant(house):
    batch_id = house.submit.new_batch(tenant="a")
    job = house.upload(tenant="a", batch_id=batch_id)
    assert house.inspect.batch(batch_id, tenant="a").jobs == (job,)
    for tenant in ("b", TENANT):
        with pytest.raises(BatchNotFoundError):
            house.inspect.batch(batch_id, tenant=tenant)


def test_pages_hold_a_tenant_s_jobs_whatever_they_ask_for(two):
    house, ours, theirs = two
    for wanted in (JobFilter(), JobFilter(status=JobStatus.COMPLETED), JobFilter(is_face_detected=True)):
        assert [job.id for job in house.inspect.page(wanted, tenant="a").jobs] == [ours.id]
        assert [job.id for job in house.inspect.page(wanted, theirs.id, tenant="a").jobs] == [ours.id]
        assert house.inspect.page(wanted, ours.id, tenant="b").jobs == ()
        assert house.inspect.page(wanted, tenant=TENANT).jobs == ()


def test_a_key_of_repeated_requests_is_one_of_a_tenant(house):
    ours = house.upload(b"x", tenant="a", idempotency_key="k")
    theirs = house.upload(b"y", tenant="b", idempotency_key="k")
    assert ours.id != theirs.id
    assert house.upload(b"x", tenant="a", idempotency_key="k").id == ours.id
    assert house.upload(b"y", tenant="b", idempotency_key="k").id == theirs.id
    with pytest.raises(IdempotencyConflictError):
        house.upload(b"x", tenant="b", idempotency_key="k")


def test_figures_are_a_tenant_s_and_for_operators_those_of_all(two):
    house, *_ = two
    house.anonymise.failures = [UndecodableImageError("It ends early.")]
    house.upload(tenant="b")
    house.drain()
    house.upload(tenant="a")

    def told(tenant):
        stats = house.inspect.stats(tenant=tenant)
        counts = stats.by_status
        faces = stats.recent.confidence["face"].objects
        ended = counts[JobStatus.COMPLETED], counts[JobStatus.FAILED]
        return (counts[JobStatus.SUBMITTED], *ended, faces, dict(stats.failures), stats.queue_depth)

    assert told("a") == (1, 1, 0, 1, {}, 1)
    assert told("b") == (0, 1, 1, 1, {"undecodable_image": 1}, 0)
    assert told("nobody") == (0, 0, 0, 0, {}, 0)
    assert told(None) == (1, 2, 1, 2, {"undecodable_image": 1}, 1)


def test_how_full_the_queue_is_counts_a_tenant_s_jobs_and_for_operators_all(house):
    house.upload(tenant="a")
    house.clock.turn(seconds=5)
    house.upload(tenant="b")
    statuses = [house.inspect.queue_status(tenant=tenant) for tenant in ("a", "b", "nobody", None)]
    assert [(status.queue_depth, status.oldest_job_age_s) for status in statuses] == [
        (1, 5.0),
        (1, 0.0),
        (0, None),
        (2, 5.0),
    ]


def test_objects_without_a_job_are_removed_of_every_tenant_and_nothing_else(two):
    house, *_ = two
    stray = new_id()
    strays = [original_key("a", stray, "jpg"), processed_key("b", stray, 1, "jpg"), metadata_key("c", stray, 1)]
    foreign = "tenants/Not-A-Tenant/original/x.jpg"
    kept = house.objects()
    for key in [*strays, foreign]:
        house.files.put(key, b"x", content_type="image/jpeg")
    house.clock.turn(hours=2)
    assert house.maintain.recover().orphans == 3
    assert house.objects() == kept | {foreign}


def test_lost_jobs_of_every_tenant_are_found_again(make_house):
    before = make_house()
    jobs = [before.upload(tenant=tenant) for tenant in ("a", "b", TENANT)]
    before.claim(jobs[0], "lost")
    after = make_house()
    after.maintain.recover(alone=True)
    after.drain()
    for job in jobs:
        after.assert_completed(job)
