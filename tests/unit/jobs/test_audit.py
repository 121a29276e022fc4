"""The audit log tells what is done to jobs: by whom, from where, with what result. What was erased is proven gone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.audit import Actor, AuditAction, AuditSeal
from streetveil.errors import (
    IllegalTransitionError,
    JobNotFoundError,
    StorageUnavailableError,
    UndecodableImageError,
)
from streetveil.jobs.audit import AuditTrail
from streetveil.jobs.erasure_proof import ProveErasure
from streetveil.jobs.maintain import Maintain
from streetveil.jobs.retention import Retention, RetentionPolicy

ANN = Actor("ann", DEFAULT_TENANT, "192.0.2.0/24")
BOB = Actor("bob", DEFAULT_TENANT, "2001:db8:1::/48")
NAME = "muster-family-holiday.jpg"


def told(house):
    """What the log has: action, actor, origin, outcome."""
    house.maintain.recover()
    return [
        (event.action, event.actor, event.origin, event.outcome)
        for event in (record.event for record in house.audit_log.records())
    ]


def test_the_way_of_a_photo_is_told_with_who_did_each_step(house):
    job = house.upload(by=ANN)
    house.drain()
    house.erase(job.id, tenant=DEFAULT_TENANT, by=BOB)
    assert told(house) == [
        ("submit", "ann", "192.0.2.0/24", "ok"),
        ("complete", "worker-1", None, "ok"),
        ("erase", "bob", "2001:db8:1::/48", "ok"),
        ("erased", "service", None, "ok"),
    ]
    assert {record.event.job_id for record in house.audit_log.records()} == {job.id}


def test_failures_and_what_people_decide_about_them_are_told(house):
    house.anonymise.failures = [UndecodableImageError("broken")]
    job = house.upload(by=ANN)
    house.drain()
    house.anonymise.needs_review = True
    house.retry(job.id, tenant=DEFAULT_TENANT, by=BOB)
    house.drain()
    house.release(job.id, tenant=DEFAULT_TENANT, by=BOB)
    with pytest.raises(IllegalTransitionError):
        house.release(job.id, tenant=DEFAULT_TENANT, by=ANN)
    assert [(action, actor, outcome) for action, actor, _, outcome in told(house)] == [
        ("submit", "ann", "ok"),
        ("fail", "worker-1", "undecodable_image"),
        ("retry", "bob", "ok"),
        ("hold_back", "worker-1", "ok"),
        ("release", "bob", "ok"),
    ]


def test_a_job_that_was_lost_too_often_is_told_to_have_failed(house):
    job = house.upload()
    for _ in range(house.attempts.most):
        house.claim(job, "lost")
        house.clock.turn(hours=1)
        house.maintain.rescue()
    assert told(house)[-1] == ("fail", "service", None, "worker_lost")


def test_a_repeated_upload_is_told_once(house):
    assert house.upload(by=ANN, idempotency_key="k").id == house.upload(by=BOB, idempotency_key="k").id
    assert told(house) == [("submit", "ann", "192.0.2.0/24", "ok")]


@pytest.mark.parametrize(("kept", "expected"), [("original", ["expire"]), ("result", ["expire", "erased"])])
def test_what_expires_is_told(house, kept, expected):
    job = house.upload()
    house.drain()
    house.clock.turn(days=2)
    retention = RetentionPolicy(Retention(**{kept: timedelta(days=1)}))
    Maintain(**house.adapters, retention=retention, clock=house.clock).recover()
    records = house.audit_log.newest(9, job_id=job.id)[::-1]
    assert [record.event.action for record in records][2:] == expected
    assert records[2].event.details == {"what": "original" if kept == "original" else "all"}


def test_what_is_read_is_told_before_it_is_handed_out(house):
    trail = AuditTrail(database=house.sql, clock=house.clock)
    trail.record(AuditAction.READ_ORIGINAL, ANN, job_id="job-1", link=True)
    assert told(house) == [("read_original", "ann", "192.0.2.0/24", "ok")]


def test_workers_seal_what_waits_one_of_them_every_few_seconds(house, make_house):
    other = make_house()
    house.upload()
    house.maintain.seal_if_due("one")
    assert house.audit_log.head().number == 1
    house.upload()
    other.maintain.seal_if_due("two")
    assert house.audit_log.head().number == 1  # it is not due yet
    house.clock.turn(seconds=6)
    other.maintain.seal_if_due("two")
    assert house.audit_log.head().number == 2


def test_no_record_holds_a_name_a_size_or_a_hash_of_the_photo(house):
    job = house.upload(b"mine", filename=NAME, idempotency_key="key-of-the-family", by=ANN)
    house.drain()
    house.erase(job.id, tenant=DEFAULT_TENANT, by=ANN)
    house.maintain.recover()
    for record in house.audit_log.records():
        for secret in ("muster", "holiday", "key-of-the-family", job.content_sha256):
            assert secret.encode() not in record.event.canonical()
        assert not {"file_size", "width", "height"} & set(record.event.details)


# --- proof of erasure ---


@pytest.fixture
def erased(house):
    job = house.upload(b"mine", filename=NAME, by=ANN)
    house.drain()
    house.erase(job.id, tenant=DEFAULT_TENANT, by=BOB)
    house.maintain.recover()
    return job


def test_an_erasure_is_proven_by_the_log_and_a_new_look(house, erased):
    proof = house.prove_erasure(erased.id)
    assert (proof.problems, proof.waiting, proof.erased_at) == ((), (), house.clock())
    assert len(proof.objects) == 4
    assert proof.records[-1].event.details["objects"] == {"original": 1, "processed": 1, "metadata": 1, "crops": 1}
    assert [(record.event.action, record.event.actor) for record in proof.records][2] == ("erase", "bob")


def test_an_object_that_came_back_is_found(house, erased):
    house.files.put(erased.original_key, b"mine", content_type="image/jpeg")
    (problem,) = house.prove_erasure(erased.id).problems
    assert erased.original_key in problem


@pytest.mark.parametrize("column", ["filename = 'holiday.jpg'", "content_sha256 = 'ab'", "file_size = 4"])
def test_something_left_in_the_row_is_found(house, erased, column):
    with house.sql._engine.begin() as connection:
        connection.execute(text(f"UPDATE processed_images SET {column}"))
    (problem,) = house.prove_erasure(erased.id).problems
    assert problem == f"the row has a {column.split(' ')[0]}"


def test_a_record_that_was_changed_proves_nothing(house, erased):
    with house.sql._engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_log_no_update"))
        connection.execute(text("UPDATE audit_log SET actor = 'ann' WHERE action = 'erase'"))
    (problem,) = house.prove_erasure(erased.id).problems
    assert "changed after it was sealed" in problem
    other_key = ProveErasure(database=house.sql, storage=house.files, seal=AuditSeal(b"another"))
    assert len(other_key(erased.id).problems) == 4


def test_a_job_that_is_there_is_not_erased_and_one_that_never_was_cannot_be(house):
    job = house.upload(filename=NAME)
    problems = house.prove_erasure(job.id).problems
    assert "the job is submitted" in problems
    assert "no sealed record tells that it was erased" in problems
    assert any("there is an object" in problem for problem in problems)
    with pytest.raises(JobNotFoundError):
        house.prove_erasure("nothing")


class Deaf:
    """A store that says it removes, and does not."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def delete(self, keys):
        pass


def test_an_erasure_that_storage_only_claims_is_neither_answered_nor_told(make_house):
    house = make_house(wrap_storage=Deaf)
    job = house.upload()
    with pytest.raises(StorageUnavailableError, match="1 objects"):
        house.erase(job.id, tenant=DEFAULT_TENANT, by=ANN)
    with house.sql.snapshot() as snapshot:
        assert [event.action for event in snapshot.audit.waiting_of(job.id)] == ["submit", "erase"]
    assert house.row(job.id).due_at is not None


def test_after_an_erasure_no_file_of_the_database_has_the_name(house):
    job = house.upload(filename=NAME)
    house.drain()
    files = [path for path in house.root.glob("jobs.db*") if path.is_file()]
    assert any(NAME.encode() in path.read_bytes() for path in files)
    house.erase(job.id, tenant=DEFAULT_TENANT)
    files = [path for path in house.root.glob("jobs.db*") if path.is_file()]
    assert not any(NAME.encode() in path.read_bytes() for path in files)


def test_a_reader_that_lasts_keeps_no_erasure_from_being_answered(house):
    job = house.upload(filename=NAME)
    with house.sql.snapshot() as snapshot:
        assert snapshot.jobs.get(job.id) == replace(job)
        house.erase(job.id, tenant=DEFAULT_TENANT)
    house.maintain.recover()
    assert house.prove_erasure(job.id).problems == ()
