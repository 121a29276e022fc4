"""What the service says about its jobs."""

from datetime import timedelta

import pytest
from tests.support.house import TENANT

from streetveil.domain.job import JobStatus
from streetveil.domain.reports import JobFilter, Throughput
from streetveil.errors import (
    BatchNotFoundError,
    JobNotFoundError,
    ObjectMissingError,
    ResultNotReadyError,
    UndecodableImageError,
)


def test_a_job_can_be_seen_in_every_state(house):
    job = house.upload()
    assert house.inspect.job(job.id, tenant=TENANT).status is JobStatus.SUBMITTED
    states = []
    house.anonymise.before = lambda data: states.append(house.inspect.job(job.id, tenant=TENANT).status)
    house.drain()
    assert states == [JobStatus.PROCESSING]
    assert house.inspect.job(job.id, tenant=TENANT).status is JobStatus.COMPLETED


@pytest.mark.parametrize("job_id", ["", "nothing", "'; drop table processed_images", "x" * 100_000, "\x00"])
def test_ids_that_name_nothing_are_not_found(house, job_id):
    with pytest.raises(JobNotFoundError) as error:
        house.inspect.job(job_id, tenant=TENANT)
    assert len(error.value.detail) < 100


def test_a_batch_counts_its_jobs_by_status(house):
    batch_id = house.submit.new_batch(tenant=TENANT)
    jobs = []
    for number in range(4):
        house.clock.turn(seconds=1)
        jobs.append(house.upload(b"%d" % number, batch_id=batch_id))
    house.upload(b"not of it")
    house.anonymise.failures = [UndecodableImageError("broken")]
    house.process(jobs[0].id)
    house.process(jobs[1].id)
    house.erase(jobs[2].id, tenant=TENANT)
    batch = house.inspect.batch(batch_id, tenant=TENANT)
    assert [job.id for job in batch.jobs] == [jobs[0].id, jobs[1].id, jobs[3].id]
    assert batch.counts == {
        JobStatus.SUBMITTED: 1,
        JobStatus.PROCESSING: 0,
        JobStatus.COMPLETED: 1,
        JobStatus.NEEDS_REVIEW: 0,
        JobStatus.FAILED: 1,
    }
    assert batch.total == 3


def test_an_unknown_batch_is_not_found(house):
    with pytest.raises(BatchNotFoundError):
        house.inspect.batch("nothing", tenant=TENANT)


def test_pages_show_every_job_once_newest_first(house):
    uploaded = []
    for _ in range(7):
        house.clock.turn(seconds=1)
        uploaded.append(house.upload().id)
    shown, after = [], None
    while True:
        page = house.inspect.page(JobFilter(), after, 3, tenant=TENANT)
        shown += [job.id for job in page.jobs]
        if page.next is None:
            break
        after = page.next
    assert shown == uploaded[::-1]


def test_a_full_last_page_has_no_next(house):
    for _ in range(4):
        house.upload()
    first = house.inspect.page(JobFilter(), None, 2, tenant=TENANT)
    assert house.inspect.page(JobFilter(), first.next, 2, tenant=TENANT).next is None


def test_jobs_are_filtered_by_what_was_found(house):
    done = house.upload(b"done")
    house.drain()
    waiting = house.upload(b"waiting")
    erased = house.upload(b"erased")
    house.erase(erased.id, tenant=TENANT)

    def ids(**wanted):
        return {job.id for job in house.inspect.page(JobFilter(**wanted), tenant=TENANT).jobs}

    assert ids() == {done.id, waiting.id}
    assert ids(status=JobStatus.SUBMITTED) == {waiting.id}
    assert ids(is_face_blurred=True) == ids(is_face_detected=True) == ids(is_vehicle_detected=True) == {done.id}
    assert ids(is_plate_blurred=False) == {done.id}
    assert ids(is_plate_blurred=True) == ids(is_face_blurred=False) == set()
    assert ids(status=JobStatus.FAILED, is_face_blurred=True) == set()


def test_jobs_are_filtered_by_the_time_of_upload(house):
    times, ids = [], []
    for _ in range(5):
        house.clock.turn(microseconds=300)  # several within one millisecond: ids alone cannot tell
        times.append(house.clock.now)
        ids.append(house.upload().id)

    def shown(**bounds):
        return {job.id for job in house.inspect.page(JobFilter(**bounds), tenant=TENANT).jobs}

    for first in range(5):
        assert shown(since=times[first]) == set(ids[first:])
        assert shown(until=times[first]) == set(ids[:first])
        assert shown(since=times[first], until=times[first] + timedelta(microseconds=1)) == {ids[first]}


def test_images_come_out_with_a_name_and_a_type(house):
    job = house.upload(b"bytes", filename="rue.du.port.jpg")
    house.drain()
    processed = house.inspect.image(job.id, "processed", tenant=TENANT)
    assert b"".join(processed.pieces) == b"redacted bytes"
    assert (processed.media_type, processed.file_name) == ("image/jpeg", "rue.du.port-redacted.jpg")
    original = house.inspect.image(job.id, "original", tenant=TENANT)
    assert b"".join(original.pieces) == b"bytes"
    assert original.file_name == "rue.du.port.jpg"


def test_there_is_no_result_before_completion_nor_after_a_failure(house):
    job = house.upload()
    with pytest.raises(ResultNotReadyError, match="not completed yet"):
        house.inspect.image(job.id, "processed", tenant=TENANT)
    house.anonymise.failures = [UndecodableImageError("broken")]
    house.drain()
    with pytest.raises(ResultNotReadyError, match="failed"):
        house.inspect.presigned(job.id, "processed", tenant=TENANT)


def test_an_object_that_is_gone_is_reported_before_the_first_byte(house):
    job = house.upload()
    house.files.delete([job.original_key])
    with pytest.raises(ObjectMissingError):
        house.inspect.image(job.id, "original", tenant=TENANT)


def test_urls_name_the_files(house):
    job = house.upload()
    original, processed = house.inspect.urls(job)
    assert original == (house.root / "objects" / job.original_key).as_uri()
    assert processed is None
    house.drain()
    _, processed = house.inspect.urls(house.row(job.id))
    assert processed == (house.root / "objects" / f"processed/{job.id}.jpg").as_uri()
    assert house.inspect.presigned(job.id, "processed", tenant=TENANT) is None


def test_stats_of_an_empty_service_are_empty(house):
    stats = house.inspect.stats(tenant=TENANT)
    assert stats.total == stats.queue_depth == 0
    assert stats.success_rate is None
    assert stats.recent.latency is None
    assert stats.recent.confidence["face"].mean is None
    assert stats.recent.workers == ()


def test_stats_tell_rates_times_failures_and_workers(house):
    for seconds in (10, 20, 30, 40):
        job = house.upload()
        house.clock.turn(seconds=seconds)  # waits
        house.anonymise.before = lambda data: house.clock.turn(seconds=2)
        house.process(job.id)
    house.anonymise.failures = [UndecodableImageError("broken")]
    house.process(house.upload().id)
    claimed = house.upload()
    house.claim(claimed, "worker-2")
    house.process.heartbeat()
    house.worker("worker-2").heartbeat()
    house.erase(house.upload().id, tenant=TENANT)

    stats = house.inspect.stats(tenant=TENANT)
    assert stats.by_status[JobStatus.COMPLETED] == 4
    assert stats.total == 6
    assert stats.success_rate == pytest.approx(0.8)
    assert stats.throughput == Throughput(last_minute=2 / 60, last_hour=4 / 3600)
    assert (stats.recent.latency.p50, stats.recent.latency.p99) == (22, 42)
    assert stats.recent.processing_time.p95 == 2
    assert stats.failures == {"undecodable_image": 1}
    assert (stats.recent.confidence["face"].objects, stats.recent.confidence["face"].mean) == (4, 0.75)
    assert stats.recent.confidence["vehicle"].mean == 0.5
    assert [(worker.id, worker.processing, worker.completed) for worker in stats.recent.workers] == [
        ("worker-1", 0, 4),
        ("worker-2", 0, 0),
    ]


def test_the_last_failures_are_told_newest_first_and_for_an_hour(house):
    failed = []
    for tenant in ("ann", "ben", "ann"):
        house.clock.turn(minutes=20)
        house.anonymise.failures = [UndecodableImageError("broken")]
        job = house.upload(tenant=tenant)
        house.process(job.id)
        failed.append(job.id)
    house.upload()
    house.drain()

    def told(limit=10, tenant=None):
        return [job.id for job in house.inspect.last_failed(limit, tenant=tenant)]

    assert told() == failed[::-1]
    assert told(limit=1) == failed[2:]
    assert told(tenant="ann") == [failed[2], failed[0]]
    assert told(tenant="ben") == [failed[1]]
    assert house.inspect.last_failed(1, tenant=None)[0].failure.code == "undecodable_image"
    house.clock.turn(minutes=30)
    assert told() == failed[:0:-1]


def test_stats_forget_after_an_hour(house):
    house.upload()
    house.drain()
    house.clock.turn(hours=1, seconds=1)
    stats = house.inspect.stats(tenant=TENANT)
    assert stats.total == 0
    assert stats.throughput == Throughput(0, 0)
    assert stats.recent.latency is None


def test_the_queue_tells_how_full_it_is_and_how_long_one_waits(make_house):
    house = make_house(max_queue_size=4)
    assert house.inspect.queue_status(tenant=TENANT).oldest_job_age_s is None
    house.upload()
    house.clock.turn(seconds=30)
    house.upload()
    status = house.inspect.queue_status(tenant=TENANT)
    assert (status.queue_depth, status.max_queue_size, status.utilization) == (2, 4, 0.5)
    assert status.oldest_job_age_s == 30
    assert status.timestamp == house.clock.now
