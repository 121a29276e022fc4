"""Workers die, Redis hangs, loses connections, restarts and forgets: ids are delivered all the same."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.integration.queue.redis_keys import Keys
from tests.support.servers import wait_until

from streetveil.domain.job import new_id
from streetveil.errors import QueueUnavailableError

PATIENCE_S = 30
SCRIPT = Path(__file__).parent / "consumer_process.py"


def collect(delivered, count: int) -> set[str]:
    return {delivered.get(timeout=PATIENCE_S) for _ in range(count)}


def works(queue) -> bool:
    try:
        queue.check()
    except QueueUnavailableError:
        return False
    return True


def is_put(queue, job_id) -> bool:
    try:
        queue.put(job_id)
    except QueueUnavailableError:
        return False
    return True


def test_what_a_killed_process_worked_on_is_delivered_to_another(queue, keys, shared_server, new_queue, consume):
    ids = [new_id() for _ in range(5)]
    for job_id in ids:
        queue.put(job_id)
    delivered: list[str] = []
    command = [sys.executable, str(SCRIPT), shared_server.url, keys.namespace, "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        begun = {process.stdout.readline().strip() for _ in range(2)}
        process.kill()
    assert len(begun) == 2
    assert begun <= set(ids)

    another = new_queue(shared_server.url, namespace=keys.namespace, heartbeat_s=0.5, maintenance_chance=1_000_000)
    consume(another, delivered.append)
    wait_until(lambda: set(delivered) == set(ids), PATIENCE_S)
    wait_until(keys.settled, PATIENCE_S)


def test_a_worker_busy_for_longer_than_the_heartbeat_keeps_its_job(new_queue, shared_server, keys, consume):
    options = {"namespace": keys.namespace, "heartbeat_s": 1.0, "maintenance_chance": 1_000_000}
    queue, other = new_queue(shared_server.url, **options), new_queue(shared_server.url, **options)
    release, delivered = threading.Event(), []

    def handle(job_id):
        delivered.append(job_id)
        release.wait(PATIENCE_S)

    consume(queue, handle)
    queue.put(new_id())
    wait_until(lambda: bool(delivered), PATIENCE_S)
    consume(other, handle)
    time.sleep(1.8)
    release.set()
    wait_until(keys.settled, PATIENCE_S)
    assert len(delivered) == 1


def test_broken_connections_are_made_again(queue, keys, consume, delivered):
    late = [new_id() for _ in range(20)]
    consume(queue, delivered.put, threads=2)
    for job_id in late:
        queue.put(job_id, delay_s=1.0)
    wait_until(lambda: len(keys.fetched()) == len(late), PATIENCE_S)
    for _ in range(3):
        keys.client.client_kill_filter(_type="normal", skipme=True)
        time.sleep(0.1)
    soon = new_id()
    queue.put(soon)
    assert collect(delivered, 21) == {*late, soon}
    wait_until(keys.settled, PATIENCE_S)


def test_ids_outlive_a_redis_that_hung_for_a_while(own_server, new_queue, consume):
    queue = new_queue(own_server.url, timeout_s=0.3)
    late = [new_id() for _ in range(20)]
    delivered: list[str] = []
    consume(queue, delivered.append, threads=2)
    for number, job_id in enumerate(late):
        queue.put(job_id, delay_s=0.5 + 0.05 * number)
    own_server.pause()
    with pytest.raises(QueueUnavailableError, match="does not answer in time"):
        queue.put(new_id())
    time.sleep(1)
    own_server.resume()
    soon = new_id()
    wait_until(lambda: is_put(queue, soon), PATIENCE_S)
    wait_until(lambda: {*late, soon} <= set(delivered), PATIENCE_S)
    keys = Keys(own_server)
    wait_until(keys.settled, PATIENCE_S)
    keys.client.close()


def test_an_id_that_cannot_be_put_again_is_kept_among_the_dead_letters(own_server, new_queue, consume, caplog):
    queue, keys = new_queue(own_server.url), Keys(own_server)
    handled, full = [], threading.Event()

    def handle(job_id):
        handled.append(job_id)
        full.wait(PATIENCE_S)
        raise RuntimeError("the outcome could not be recorded")

    consume(queue, handle)
    queue.put("a-job")
    wait_until(lambda: bool(handled), PATIENCE_S)
    keys.client.config_set("maxmemory", "100kb")
    full.set()
    wait_until(lambda: "post_process_message" in caplog.text, PATIENCE_S)  # it was tried and refused
    keys.client.config_set("maxmemory", "0")
    wait_until(lambda: any(b"a-job" in dead for dead in keys.dead()), PATIENCE_S)
    assert handled == ["a-job"]
    keys.client.close()


def test_a_hanging_redis_holds_up_nobody(own_server, new_queue):
    queue = new_queue(own_server.url, timeout_s=0.2)
    queue.check()
    own_server.pause()
    for call in (queue.check, queue.depth, lambda: queue.put(new_id()), lambda: queue.put(new_id(), delay_s=1)):
        with pytest.raises(QueueUnavailableError, match="does not answer in time"):
            call()
    with pytest.raises(QueueUnavailableError):
        new_queue(own_server.url, timeout_s=0.2).consume(print, threads=1)


def test_a_redis_that_forgot_everything_is_used_on(own_server, new_queue, consume, delivered):
    queue = new_queue(own_server.url)
    consume(queue, delivered.put, threads=2)
    queue.put(new_id(), delay_s=3600)
    queue.put("before")
    assert delivered.get(timeout=PATIENCE_S) == "before"
    keys = Keys(own_server)
    keys.client.flushall()
    keys.client.script_flush()
    keys.client.close()
    assert queue.depth() == 0
    queue.put("after", delay_s=0.1)
    assert delivered.get(timeout=PATIENCE_S) == "after"


def test_a_redis_that_was_killed_and_came_back_empty_is_used_on(own_server, new_queue, consume, delivered):
    queue = new_queue(own_server.url)
    release, started = threading.Event(), threading.Event()

    def handle(job_id):
        if job_id == "slow":
            started.set()
            release.wait(PATIENCE_S)
        delivered.put(job_id)

    consumer = consume(queue, handle, threads=2)
    queue.put("slow")
    queue.put("late", delay_s=3600)
    assert started.wait(PATIENCE_S)
    own_server.kill()
    with pytest.raises(QueueUnavailableError, match="cannot be reached"):
        queue.put(new_id())
    with pytest.raises(QueueUnavailableError):
        queue.check()
    release.set()  # what is worked on ends while there is no Redis to tell
    assert delivered.get(timeout=PATIENCE_S) == "slow"
    own_server.start()
    wait_until(lambda: works(queue), PATIENCE_S)
    for job_id in ("a", "b", "c"):
        queue.put(job_id)
    assert collect(delivered, 3) == {"a", "b", "c"}
    wait_until(lambda: consumer.busy == 0, PATIENCE_S)


def test_a_stop_while_redis_is_gone_ends(own_server, new_queue, consume):
    queue = new_queue(own_server.url)
    consumer = consume(queue, lambda job_id: None, threads=2)
    own_server.kill()
    assert consumer.stop(PATIENCE_S)
    own_server.start()


def test_what_was_not_done_at_the_deadline_of_a_stop_is_delivered_again(
    queue, keys, shared_server, new_queue, consume, delivered
):
    started, release = threading.Event(), threading.Event()

    def handle(_job_id):
        started.set()
        release.wait(PATIENCE_S)

    consumer = consume(queue, handle)
    queue.put("unfinished")
    queue.put("waiting")
    assert started.wait(PATIENCE_S)
    assert not consumer.stop(0.05)

    another = new_queue(shared_server.url, namespace=keys.namespace, heartbeat_s=0.3, maintenance_chance=1_000_000)
    consume(another, delivered.put)
    assert collect(delivered, 2) == {"unfinished", "waiting"}
    release.set()
