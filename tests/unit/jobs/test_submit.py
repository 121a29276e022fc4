"""What an upload leaves behind, and what it never does."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.house import TENANT

from streetveil.domain.job import JobStatus
from streetveil.domain.options import JobOptions, Style
from streetveil.errors import (
    DatabaseUnavailableError,
    IdempotencyConflictError,
    MalformedRequestError,
    OutcomeUnknownError,
    OverloadedError,
    QueueUnavailableError,
    StorageUnavailableError,
)
from streetveil.jobs.submit import Upload


def test_an_upload_is_stored_recorded_and_queued(house):
    job = house.upload(b"bytes", filename="a.jpg", options=JobOptions(style=Style.SOLID))
    assert job.status is JobStatus.SUBMITTED
    assert house.row(job.id) == job
    assert (job.width, job.height, job.media_type) == (30, 40, "image/jpeg")
    assert house.files.get(job.original_key) == b"bytes"
    assert house.memory.depth() == 1


def test_the_stored_options_are_those_the_worker_gets(house):
    options = JobOptions(style=Style.PIXELATE, face_confidence=0.125)
    job = house.upload(options=options)
    assert house.row(job.id).options == options


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\car.jpg", "car.jpg"),
        ("rue de l'Église.jpg", "rue de l'Église.jpg"),
        ("a\x00b\r\n.jpg", "ab.jpg"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("\ud800.jpg", ".jpg"),
        ("x" * 10_000 + ".jpeg", "x" * 250 + ".jpeg"),
        ("x." + "y" * 10_000, "x." + "y" * 253),
    ],
)
def test_a_file_name_is_made_harmless(house, sent, kept):
    job = house.upload(filename=sent)
    assert house.row(job.id).filename == kept
    assert house.objects() == {f"original/{job.id}.jpg"}


def test_a_request_that_repeats_an_accepted_one_is_answered_though_the_queue_is_full(make_house):
    house = make_house(max_queue_size=1)
    job = house.upload(idempotency_key="k")

    house.submit.ensure_capacity(TENANT, "k")

    assert house.upload(idempotency_key="k").id == job.id
    with pytest.raises(OverloadedError):
        house.submit.ensure_capacity(TENANT, "another")


def test_a_full_queue_refuses_and_keeps_nothing(make_house):
    house = make_house(max_queue_size=2)
    house.upload()
    house.submit.ensure_capacity(TENANT)
    house.upload()
    with pytest.raises(OverloadedError) as refusal:
        house.submit.ensure_capacity(TENANT)
    assert refusal.value.retry_after_s > 0
    with pytest.raises(OverloadedError):
        house.upload()
    assert len(house.jobs()) == 2
    house.assert_nothing_is_left_over()


def test_the_same_key_and_photo_yield_the_same_job(house):
    first = house.upload(idempotency_key="k-1")
    house.drain()
    again = house.upload(idempotency_key="k-1", filename="renamed.jpg")
    assert again.id == first.id
    assert again.status is JobStatus.COMPLETED
    assert len(house.jobs()) == 1
    house.assert_nothing_is_left_over()


def test_a_known_key_is_answered_although_the_queue_is_full(make_house):
    house = make_house(max_queue_size=1)
    first = house.upload(idempotency_key="k")
    assert house.upload(idempotency_key="k").id == first.id


@pytest.mark.parametrize("other", [{"content": b"other"}, {"options": JobOptions(style=Style.SOLID)}])
def test_the_same_key_with_another_request_is_a_conflict(house, other):
    house.upload(idempotency_key="k")
    with pytest.raises(IdempotencyConflictError):
        house.upload(idempotency_key="k", **other)
    assert len(house.jobs()) == 1
    house.assert_nothing_is_left_over()


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "schlüssel", "a\n"])
def test_a_key_that_databases_may_compare_differently_is_refused(house, key):
    with pytest.raises(MalformedRequestError):
        house.upload(idempotency_key=key)


def test_keys_differ_by_case(house):
    assert house.upload(idempotency_key="key").id != house.upload(idempotency_key="KEY").id


def test_of_many_equal_requests_at_once_one_makes_the_job(house):
    together = threading.Barrier(8)

    def upload(_number):
        together.wait()
        return house.upload(idempotency_key="k").id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(upload, range(8)))
    assert len(ids) == 1
    assert len(house.jobs()) == 1
    assert house.memory.depth() == 1
    house.assert_nothing_is_left_over()


def test_where_the_row_cannot_be_written_the_original_is_removed(make_house):
    class NoWriting:
        def __init__(self, database):
            self.snapshot = database.snapshot

        def transact(self, work):
            raise DatabaseUnavailableError("down")

    house = make_house(wrap_database=NoWriting)
    with pytest.raises(DatabaseUnavailableError):
        house.upload()
    assert house.objects() == set()


def test_where_the_original_cannot_be_stored_there_is_no_row(make_house):
    class NoRoom:
        def put(self, key, content, *, content_type):
            raise StorageUnavailableError("full")

    house = make_house(wrap_storage=lambda storage: NoRoom())
    with pytest.raises(StorageUnavailableError):
        house.upload()
    assert house.jobs() == []


def test_an_upload_whose_body_breaks_off_leaves_nothing(house):
    class Broken(io.BytesIO):
        def read(self, *_args):
            raise OSError("connection lost")

    from_broken = Upload("a.jpg", Broken(b"x"), 1, "0" * 64, house.anonymise(b"", JobOptions()).header)
    with pytest.raises(StorageUnavailableError):
        house.submit(from_broken, JobOptions(), tenant=TENANT)
    assert house.jobs() == []
    house.assert_nothing_is_left_over()


def test_a_job_is_accepted_although_the_queue_fails_after_the_commit(make_house):
    class Forgetful:
        def depth(self):
            return 0

        def put(self, job_id, *, delay_s=0.0):
            raise QueueUnavailableError("down")

    house = make_house(wrap_queue=lambda queue: Forgetful())
    job = house.upload()
    restarted = make_house()
    restarted.maintain.recover(alone=True)
    restarted.drain()
    restarted.assert_completed(job)


@pytest.mark.parametrize("happened", [True, False])
def test_where_the_answer_to_the_commit_was_lost_the_row_decides(make_house, happened):
    class Forgetful:
        def __init__(self, database):
            self._database = database
            self.snapshot = database.snapshot

        def transact(self, work):
            if happened:
                self._database.transact(lambda transaction: work(transaction) and transaction._actions.clear())
            raise OutcomeUnknownError("lost")

    house = make_house(wrap_database=Forgetful)
    if happened:
        job = house.upload(idempotency_key="k")
        assert house.row(job.id) == job
        assert house.memory.depth() == 1
        house.assert_nothing_is_left_over()
        return
    with pytest.raises(OutcomeUnknownError):
        house.upload()
    # Its row may still come; where it does not, the original is removed as an orphan.
    assert len(house.objects()) == 1
    house.clock.turn(hours=2)
    make_house().maintain.recover()
    assert house.objects() == set()


def test_jobs_of_a_batch_know_it(house):
    batch = house.submit.new_batch(tenant=TENANT)
    job = house.upload(batch_id=batch)
    assert house.row(job.id).batch_id == batch
