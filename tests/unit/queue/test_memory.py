"""What the in-process queue promises beyond the contract."""

import threading

from streetveil.queue.memory import MemoryQueue


def taken(queue):
    return queue.take(threading.Event()).job_id


def test_an_id_that_waits_already_is_not_put_twice():
    queue = MemoryQueue()
    queue.put("a")
    queue.put("a")
    queue.put("a", delay_s=60)
    assert queue.depth() == 1


def test_a_delayed_id_can_be_hurried():
    queue = MemoryQueue()
    queue.put("a", delay_s=3600)
    queue.put("b", delay_s=3600)
    queue.put("a")
    assert queue.depth() == 2
    assert taken(queue) == "a"
    assert queue.depth() == 1


def test_an_id_can_be_put_again_once_it_was_taken():
    queue = MemoryQueue()
    for _ in range(2):
        queue.put("a")
        assert taken(queue) == "a"


def test_ids_come_in_the_order_they_were_put():
    queue = MemoryQueue()
    for job_id in "cab":
        queue.put(job_id)
    assert [taken(queue) for _ in range(3)] == ["c", "a", "b"]


def test_closing_lets_waiting_threads_go():
    queue = MemoryQueue()
    consumer = queue.consume(lambda job_id: None, threads=2)
    queue.close()
    assert consumer.stop(20)
