"""What stands in Redis, and what becomes of messages that cannot be dealt with."""

import json
import threading

import pytest
import structlog
from tests.integration.queue.redis_keys import WAITING
from tests.support.servers import wait_until

from streetveil.domain.job import new_id

PATIENCE_S = 30


def message(**changes) -> str:
    fields = {
        "queue_name": WAITING,
        "actor_name": "process_image",
        "args": [],
        "kwargs": {"job_id": "a-job", "version": 1},
        "options": {"redis_message_id": "theirs"},
        "message_id": "m",
        "message_timestamp": 1,
    }
    return json.dumps(fields | changes)


def test_a_message_holds_the_id_of_the_job_and_a_version_only(queue, keys):
    job_id = new_id()
    queue.put(job_id)
    (found,) = keys.messages()
    assert found["kwargs"] == {"job_id": job_id, "version": 1}
    assert found["args"] == []
    assert found["actor_name"] == "process_image"
    assert found["options"].keys() == {"redis_message_id"}


def test_a_message_holds_the_request_that_it_comes_from(queue, keys):
    with structlog.contextvars.bound_contextvars(request_id="r-1", tenant="ann"):
        queue.put(new_id())
    (found,) = keys.messages()
    assert found["kwargs"]["version"] == 1  # older workers pass over what they do not know
    assert found["kwargs"]["context"] == {"request_id": "r-1"}


def test_the_depth_is_the_length_of_the_list_plus_what_is_delayed(queue, keys, consume):
    started, release = threading.Semaphore(0), threading.Event()

    def handle(_job_id):
        started.release()
        release.wait(PATIENCE_S)

    for _ in range(7):
        queue.put(new_id())
    assert keys.waiting() == queue.depth() == 7
    consume(queue, handle, threads=2)
    queue.put(new_id(), delay_s=3600)
    queue.put(new_id(), delay_s=3600)
    assert started.acquire(timeout=PATIENCE_S)
    assert started.acquire(timeout=PATIENCE_S)
    # The consumer holds what its two threads work on and the delayed ones, and leaves the rest to others.
    wait_until(lambda: len(keys.fetched()) == 4, PATIENCE_S)
    assert keys.waiting() == 5
    assert queue.depth() == 7
    release.set()


def test_a_consumer_that_stops_gives_back_what_it_held(queue, keys, consume):
    consumer = consume(queue, lambda job_id: None)
    for _ in range(3):
        queue.put(new_id(), delay_s=3600)
    wait_until(lambda: len(keys.fetched()) == 3, PATIENCE_S)
    assert consumer.stop(PATIENCE_S)
    assert keys.fetched() == []
    assert queue.depth() == 3


def test_an_id_whose_handler_raised_comes_again(queue, keys, consume):
    times = []

    def handle(job_id):
        times.append(job_id)
        if len(times) < 3:
            raise RuntimeError("the outcome could not be recorded")

    consume(queue, handle)
    queue.put("a-job")
    wait_until(lambda: len(times) == 3, PATIENCE_S)
    wait_until(keys.settled, PATIENCE_S)
    assert times == ["a-job"] * 3
    assert keys.dead() == []


def test_an_id_whose_handler_always_raises_ends_among_the_dead_letters(queue, keys, consume):
    times = []

    def handle(job_id):
        times.append(job_id)
        raise RuntimeError("the outcome could not be recorded")

    consume(queue, handle)
    queue.put("a-job")
    wait_until(lambda: len(keys.dead()) == 1, PATIENCE_S)
    assert len(times) == 1 + 3
    (dead,) = keys.dead()
    assert json.loads(dead)["kwargs"]["job_id"] == "a-job"
    assert b"RuntimeError" not in dead
    wait_until(keys.settled, PATIENCE_S)


def test_a_message_of_a_newer_version_comes_again_and_is_kept(queue, keys, consume, delivered, caplog):
    consume(queue, delivered.put)
    newer = {"job": {"id": "a-job"}, "version": 2}
    keys.add(message(kwargs=newer))
    queue.put("ours")
    assert delivered.get(timeout=PATIENCE_S) == "ours"
    wait_until(lambda: len(keys.dead()) == 1, PATIENCE_S)
    (dead,) = map(json.loads, keys.dead())
    assert dead["kwargs"] == newer
    assert dead["options"]["deliveries"] == 3
    assert delivered.empty()


def test_an_updated_worker_takes_what_an_old_one_left(queue, keys, consume, delivered, monkeypatch):
    keys.add(message(kwargs={"job_id": "a-job", "version": 2}))
    consume(queue, delivered.put)
    wait_until(lambda: bool(keys.messages(f"{WAITING}.DQ")), PATIENCE_S)
    monkeypatch.setattr("streetveil.queue.messages.VERSION", 2)
    assert delivered.get(timeout=PATIENCE_S) == "a-job"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b"[" * 100_000,
        b"null",
        b"{}",
        message(queue_name="another"),
        message(options=[]),
        message(options={}),
        message(args=None),
        message(kwargs=[1]),
        message(actor_name=["process_image"]),
        message(actor_name="send_mail"),
        message(surplus=1),
        message(kwargs={}),
        message(kwargs={"job_id": "a-job"}),
        message(kwargs={"job_id": "a-job", "version": "1"}),
        message(kwargs={"job_id": "a-job", "version": 0}),
        message(kwargs={"job_id": "", "version": 1}),
        message(kwargs={"job_id": "x" * 65, "version": 1}),
        message(kwargs={"job_id": 7, "version": 1}),
    ],
)
def test_what_is_no_message_of_ours_becomes_a_dead_letter(queue, keys, consume, delivered, data):
    keys.add(data)
    queue.put("ours")
    consume(queue, delivered.put)
    assert delivered.get(timeout=PATIENCE_S) == "ours"
    wait_until(lambda: bool(keys.dead()), PATIENCE_S)
    wait_until(keys.settled, PATIENCE_S)
    assert delivered.empty()


@pytest.mark.parametrize(
    "options",
    [
        {"eta": "tomorrow"},
        {"eta": -1},
        {"deliveries": "many"},
        {"throws": "x"},
        {"pipe_target": {"actor_name": "x"}},
        {"max_retries": -1, "on_retry_exhausted": "x"},
    ],
)
def test_options_of_a_message_harm_no_thread(queue, keys, consume, options):
    delivered = []

    def handle(job_id):
        delivered.append(job_id)
        if len(delivered) == 1:
            raise RuntimeError("a defect")

    keys.add(message(options={"redis_message_id": "theirs"} | options))
    consume(queue, handle)
    wait_until(lambda: delivered == ["a-job", "a-job"], PATIENCE_S)
    queue.put("ours")
    wait_until(lambda: delivered[-1] == "ours", PATIENCE_S)


def test_a_message_that_lost_its_content_is_passed_over(queue, keys, consume, delivered):
    keys.client.rpush(keys.name(WAITING), "nothing")
    queue.put("ours")
    consume(queue, delivered.put, threads=3)
    assert delivered.get(timeout=PATIENCE_S) == "ours"
    wait_until(keys.settled, PATIENCE_S)
    assert keys.dead() == []


def test_two_queues_in_one_redis_do_not_see_each_other(queue, new_queue, shared_server, consume, delivered):
    other = new_queue(shared_server.url, namespace=new_id())
    consume(queue, delivered.put)
    other.put("theirs")
    queue.put("ours")
    assert delivered.get(timeout=PATIENCE_S) == "ours"
    assert other.depth() == 1
