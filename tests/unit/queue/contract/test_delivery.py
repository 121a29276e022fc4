"""What every queue promises: at least once, delays kept, waiting ids counted, a stop that drains."""

import threading
import time
from queue import Queue

import pytest
import structlog

from streetveil.domain.job import new_id
from streetveil.errors import QueueUnavailableError

PATIENCE_S = 20


def test_what_is_put_is_delivered(queue, consume):
    ids = [new_id() for _ in range(50)]
    delivered: Queue[str] = Queue()
    for job_id in ids[:25]:
        queue.put(job_id)
    consume(delivered.put, threads=3)
    for job_id in ids[25:]:
        queue.put(job_id)
    assert {delivered.get(timeout=PATIENCE_S) for _ in ids} == set(ids)


def test_a_delayed_id_comes_no_sooner_than_it_may(queue, consume):
    delivered: Queue[tuple[str, float]] = Queue()
    consume(lambda job_id: delivered.put((job_id, time.monotonic())))
    late, now, begun = new_id(), new_id(), time.monotonic()
    queue.put(late, delay_s=0.3)
    queue.put(now)
    assert delivered.get(timeout=PATIENCE_S)[0] == now
    job_id, moment = delivered.get(timeout=PATIENCE_S)
    assert job_id == late
    assert moment - begun >= 0.3


def test_a_busy_thread_does_not_hold_up_what_becomes_due_meanwhile(queue, consume):
    release, delivered = threading.Event(), Queue()  # type: ignore[var-annotated]
    slow, late = new_id(), new_id()

    def handle(job_id):
        if job_id == slow:
            release.wait(PATIENCE_S)
        delivered.put(job_id)

    consume(handle, threads=2)
    queue.put(late, delay_s=0.1)
    queue.put(slow)
    assert delivered.get(timeout=PATIENCE_S) == late
    release.set()
    assert delivered.get(timeout=PATIENCE_S) == slow


def test_the_depth_counts_waiting_and_delayed_ids_but_not_those_worked_on(queue, consume):
    started, release = threading.Event(), threading.Event()

    def handle(_job_id):
        started.set()
        release.wait(PATIENCE_S)

    assert queue.depth() == 0
    queue.put(new_id())
    queue.put(new_id(), delay_s=3600)
    assert queue.depth() == 2
    consumer = consume(handle)
    assert started.wait(PATIENCE_S)
    assert queue.depth() == 1
    assert consumer.busy == 1
    release.set()


def test_a_handler_that_raises_does_not_stop_the_others(queue, consume):
    delivered: Queue[str] = Queue()
    bad, good = new_id(), new_id()

    def handle(job_id):
        if job_id == bad:
            raise RuntimeError("a defect")
        delivered.put(job_id)

    queue.put(bad)
    queue.put(good)
    consume(handle)
    assert delivered.get(timeout=PATIENCE_S) == good


def test_a_stop_waits_for_what_is_worked_on_and_takes_nothing_new(queue, consume):
    started, release, done = threading.Event(), threading.Event(), []

    def handle(job_id):
        started.set()
        release.wait(PATIENCE_S)
        done.append(job_id)

    first, second = new_id(), new_id()
    queue.put(first)
    consumer = consume(handle)
    assert started.wait(PATIENCE_S)
    queue.put(second)
    assert not consumer.stop(0.05)
    release.set()
    assert consumer.stop(PATIENCE_S)
    assert done == [first]
    assert consumer.busy == 0


def test_a_stop_with_nothing_to_do_is_done(consume):
    assert consume(lambda job_id: None, threads=4).stop(PATIENCE_S)


def test_what_a_handler_puts_is_delivered_too(queue, consume):
    delivered: Queue[str] = Queue()
    first, second = new_id(), new_id()

    def handle(job_id):
        if job_id == first:
            queue.put(second)
        delivered.put(job_id)

    consume(handle)
    queue.put(first)
    assert {delivered.get(timeout=PATIENCE_S) for _ in range(2)} == {first, second}


def test_a_queue_that_works_says_so_and_a_closed_one_does_not(queue):
    queue.check()
    queue.close()
    with pytest.raises(QueueUnavailableError):
        queue.check()
    with pytest.raises(QueueUnavailableError):
        queue.put(new_id())


def test_the_request_that_an_id_is_put_for_is_in_force_where_it_is_worked_on(queue, consume):
    seen: Queue[dict[str, str]] = Queue()
    again = threading.Event()

    def handle(job_id):
        seen.put(structlog.contextvars.get_contextvars())
        if not again.is_set():
            again.set()
            queue.put(job_id, delay_s=0.01)

    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with structlog.contextvars.bound_contextvars(request_id="r-1", traceparent=traceparent, tenant="ann"):
        queue.put(new_id())
    consume(handle)
    carried = {"request_id": "r-1", "traceparent": traceparent}
    assert [seen.get(timeout=PATIENCE_S) for _ in range(2)] == [carried, carried]

    queue.put(new_id())
    assert seen.get(timeout=PATIENCE_S) == {}
