"""A worker takes jobs until it is told to stop, finishes those it has, and tidies up meanwhile."""

import threading
import time
from queue import Queue

from streetveil.errors import DatabaseUnavailableError
from streetveil.queue.memory import MemoryQueue
from streetveil.worker.worker import Chore, Worker, WorkerState

PATIENCE_S = 20


def test_a_worker_processes_what_is_queued_until_it_stops():
    queue, done = MemoryQueue(), Queue()  # type: ignore[var-annotated]
    worker = Worker(queue=queue, process=done.put, threads=2)
    assert not worker.state().running
    worker.start()
    queue.put("a")
    assert done.get(timeout=PATIENCE_S) == "a"
    assert worker.state().running
    assert worker.stop(PATIENCE_S)
    queue.put("b")
    assert worker.state() == WorkerState(running=False, threads=2, busy=0)
    assert queue.depth() == 1


def test_a_stop_waits_for_running_jobs_up_to_its_deadline():
    queue, started, release = MemoryQueue(), threading.Event(), threading.Event()

    def process(_job_id):
        started.set()
        release.wait(PATIENCE_S)

    worker = Worker(queue=queue, process=process, threads=1)
    worker.start()
    queue.put("a")
    assert started.wait(PATIENCE_S)
    assert worker.state().busy == 1
    assert not worker.stop(0.05)
    release.set()
    assert worker.stop(PATIENCE_S)


def test_a_chore_goes_on_after_a_failure():
    rounds: Queue[int] = Queue()
    failures = [DatabaseUnavailableError("down"), RuntimeError("a defect")]

    def maintain():
        rounds.put(1)
        if failures:
            raise failures.pop(0)

    worker = Worker(queue=MemoryQueue(), process=print, threads=1, chores=[Chore("maintain", maintain, 0.001)])
    worker.start()
    for _ in range(4):
        rounds.get(timeout=PATIENCE_S)
    assert worker.stop(PATIENCE_S)


def test_a_chore_is_done_at_the_start_too():
    done = threading.Event()
    worker = Worker(queue=MemoryQueue(), process=print, threads=1, chores=[Chore("heartbeat", done.set, 3600)])
    worker.start()
    assert done.wait(PATIENCE_S)
    assert worker.stop(PATIENCE_S)


def test_a_worker_that_never_started_stops():
    assert Worker(queue=MemoryQueue(), process=print, threads=1).stop(0)


def test_chores_go_on_while_the_last_jobs_finish():
    queue, begun, release, rounds = MemoryQueue(), threading.Event(), threading.Event(), Queue()  # type: ignore[var-annotated]

    def process(_job_id: str) -> None:
        begun.set()
        release.wait(PATIENCE_S)

    worker = Worker(
        queue=queue,
        process=process,
        threads=1,
        chores=[Chore("heartbeat", lambda: rounds.put(1), 0.001)],
    )
    worker.start()
    queue.put("a")
    assert begun.wait(PATIENCE_S)
    ending = threading.Thread(target=worker.stop, args=(PATIENCE_S,))
    ending.start()
    while worker.state().running:
        time.sleep(0.001)
    for _ in range(rounds.qsize() + 3):  # more than there were before
        rounds.get(timeout=PATIENCE_S)
    release.set()
    ending.join(PATIENCE_S)
    assert not ending.is_alive()
