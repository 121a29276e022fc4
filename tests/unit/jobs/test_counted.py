"""What happens to jobs is counted: once, and by what happened."""

import time

import pytest
from tests.support.house import HEADER, House, TurnableClock
from tests.support.metrics import value

from streetveil.domain.job import JobStatus
from streetveil.domain.measurements import Measurements
from streetveil.domain.options import JobOptions
from streetveil.errors import OverloadedError, StorageUnavailableError, UndecodableImageError
from streetveil.jobs.anonymise import Anonymised, Anonymiser
from streetveil.jobs.measured import MeasuredAnonymising
from streetveil.jobs.observer import Unobserved
from streetveil.jobs.shared_state import SharedState
from streetveil.observability import families
from streetveil.observability.metrics import Metrics
from streetveil.redaction.base import RedactedFile


@pytest.fixture
def metrics():
    return Metrics(component="embedded")


@pytest.fixture
def house(tmp_path, metrics):
    house = House(tmp_path, TurnableClock(), observer=metrics, max_queue_size=2)
    house.sql.upgrade()
    yield house
    house.close()


def jobs(metrics, status, code="none"):
    return value(metrics, "streetveil_jobs_total", code, status)


def uploads(metrics, result, code="none"):
    return value(metrics, "streetveil_uploads_total", code, result)


def test_a_job_counts_from_its_upload_to_its_result(house, metrics):
    house.upload()
    house.clock.turn(seconds=30)
    house.drain()
    assert uploads(metrics, "accepted") == 1
    assert jobs(metrics, "completed") == 1
    assert value(metrics, "streetveil_end_to_end_seconds_sum") == 30
    assert value(metrics, "streetveil_stage_seconds_sum", "queued") == 30
    for stage in ("fetch", "store", "record"):
        assert value(metrics, "streetveil_stage_seconds_count", stage) == 1, stage


def test_a_result_that_is_held_back_counts_as_such(house, metrics):
    house.anonymise.needs_review = True
    house.upload()
    house.drain()
    assert (jobs(metrics, "needs_review"), jobs(metrics, "completed")) == (1, 0)


def test_a_failure_counts_by_its_code_and_each_further_attempt_too(house, metrics):
    house.anonymise.failures = [StorageUnavailableError("gone"), UndecodableImageError("no picture")]
    house.upload()
    house.drain()
    assert value(metrics, "streetveil_job_retries_total", "storage_unavailable") == 1
    assert jobs(metrics, "failed", "undecodable_image") == 1
    assert value(metrics, "streetveil_end_to_end_seconds_count") == 0
    assert value(metrics, "streetveil_stage_seconds_count", "queued") == 1


def test_jobs_of_lost_workers_count_when_they_are_found(house, metrics):
    job = house.upload()
    for attempt in range(3):
        house.claim(job, f"lost-{attempt}")
        house.clock.turn(minutes=2)
        house.maintain.rescue()
    assert house.row(job.id).status is JobStatus.FAILED
    assert value(metrics, "streetveil_job_retries_total", "worker_lost") == 2
    assert jobs(metrics, "failed", "worker_lost") == 1


def test_a_repeated_upload_counts_as_such_and_a_refused_one_is_not_counted_here(house, metrics):
    house.upload(idempotency_key="mine")
    house.upload(idempotency_key="mine")
    house.upload()
    with pytest.raises(OverloadedError):
        house.upload()
    assert [uploads(metrics, result) for result in ("accepted", "repeated")] == [2, 1]
    assert uploads(metrics, "refused", "queue_full") is None


def test_what_the_stages_of_a_photo_do_not_say_is_handing_over(metrics):
    class Slow(Anonymiser):
        def __init__(self):
            """Needs no models."""

        def attempt(self, data, options):
            time.sleep(0.02)
            file = RedactedFile(data, lossless=True)
            return Anonymised(file, HEADER, {}, {}, measured=Measurements({"decode": 0.005, "redact": 0.005}))

    MeasuredAnonymising(Slow(), metrics)(b"photo", JobOptions())
    handover = value(metrics, "streetveil_stage_seconds_sum", "handover")
    assert handover is not None
    assert handover >= 0.01
    assert value(metrics, "streetveil_stage_seconds_sum", "redact") == 0.005


def test_where_nobody_counts_nothing_breaks(tmp_path):
    house = House(tmp_path, TurnableClock(), observer=Unobserved())
    house.sql.upgrade()
    job = house.upload()
    house.drain()
    house.assert_completed(job)
    house.close()


BACKLOGS = (families.WEBHOOKS_PENDING, families.WEBHOOKS_OVERDUE, families.UNSEALED, families.SEAL_LAG)


@pytest.fixture
def shared(house):
    return SharedState(
        database=house.adapters["database"],
        queue=house.adapters["queue"],
        health=house.health,
        max_queue_size=2,
        worker_silence=house.attempts.lease,
        max_age_s=0,
        dependencies_age_s=0,
        patience_s=30,
        clock=house.clock,
    )


def told(shared):
    return {(reading.family, reading.labels): reading.value for reading in shared()}


def test_what_all_share_is_told_as_it_is(house, shared):
    empty = told(shared)
    assert (empty[families.DEPTH, ()], empty[families.OLDEST, ()], empty[families.WORKERS, ()]) == (0, 0, 0)
    first = house.upload()
    house.clock.turn(seconds=50)
    house.upload()
    house.process.heartbeat()
    house.clock.turn(seconds=20)
    full = told(shared)
    assert (full[families.SHARED_UP, ()], full[families.CAPACITY, ()]) == (1, 2)
    assert (full[families.DEPTH, ()], full[families.OLDEST, ()], full[families.WORKERS, ()]) == (2, 70, 1)
    assert full[families.IN_STATE, ("submitted",)] == 2
    house.claim(first, "worker-2")
    house.clock.turn(minutes=5)
    later = told(shared)
    assert (later[families.IN_STATE, ("processing",)], later[families.WORKERS, ()]) == (1, 0)
    assert later[families.DEPENDENCY, ("storage",)] == 1


def test_messages_and_events_that_wait_are_told_with_how_long_they_could_have_been_done(house, shared):
    assert {told(shared)[family, ()] for family in BACKLOGS} == {0}
    house.upload(webhook_url="https://hooks.example.org/a")
    house.upload(webhook_url="https://hooks.example.org/a")
    house.clock.turn(seconds=7)
    waiting = told(shared)
    # An upload is an event.
    assert (waiting[families.UNSEALED, ()], waiting[families.SEAL_LAG, ()]) == (2, 7)
    assert (waiting[families.WEBHOOKS_PENDING, ()], waiting[families.WEBHOOKS_OVERDUE, ()]) == (0, 0)
    house.drain()
    house.maintain.seal_if_due("worker-1")
    house.clock.turn(seconds=3)
    ended = told(shared)
    assert (ended[families.UNSEALED, ()], ended[families.SEAL_LAG, ()]) == (0, 0)
    assert (ended[families.WEBHOOKS_PENDING, ()], ended[families.WEBHOOKS_OVERDUE, ()]) == (2, 3)


def test_what_cannot_be_asked_is_missing_and_said_to_be(house, shared):
    house.memory.close()
    readings = told(shared)
    assert readings[families.SHARED_UP, ()] == 0
    assert (families.DEPTH, ()) not in readings
    assert (families.UNSEALED, ()) not in readings
    assert readings[families.DEPENDENCY, ("queue",)] == 0
    assert readings[families.DEPENDENCY_CODE, ("queue", "queue_unavailable")] == 1
    assert readings[families.DEPENDENCY, ("database",)] == 1
