"""Runs shared by threads, over a model that is a function here and ONNX Runtime in the tests at the end."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from structlog.testing import capture_logs

from streetveil.detection.batch_queue import BatchPolicy
from streetveil.detection.batching import BatchedNetwork, BatchRun, Lane
from streetveil.detection.session import Session
from streetveil.errors import ModelError, UnsupportedModelError

SOON = 30  # seconds: what would otherwise hang fails
LONG_S = 60.0


def doubled(tensors):
    return [np.concatenate(tensors) * 2]


def pictures(value, rows=1, height=2, width=2):
    return np.full((rows, 3, height, width), value, np.float32)


class Model:
    """Doubles its input; can be held, and remembers the rows of its runs."""

    def __init__(self, fails=lambda tensors: None):
        self.runs = []
        self.entered = threading.Semaphore(0)
        self.may_run = threading.Event()
        self.may_run.set()
        self._fails = fails

    def __call__(self, tensors):
        self.entered.release()
        assert self.may_run.wait(SOON)
        self._fails(tensors)
        self.runs.append([len(tensor) for tensor in tensors])
        return doubled(tensors)


@pytest.fixture
def network():
    made = []

    def make(*models, most_rows=4, wait_s=0.0, **options):
        lanes = [Lane(f"lane {index}", model) for index, model in enumerate(models or [Model()])]
        made.append(BatchedNetwork("model.onnx", lanes, BatchPolicy(most_rows, wait_s), **options))
        return made[-1]

    yield make
    for item in made:
        item.close()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(32) as executor:
        yield executor


def held_up(model, network, pool, others):
    """Runs one tensor and, while it runs, hands in the others in order; their futures."""
    model.may_run.clear()
    first = pool.submit(network.run, pictures(0))
    assert model.entered.acquire(timeout=SOON)
    futures = []
    for index, tensor in enumerate(others):
        futures.append(pool.submit(network.run, tensor))
        wait_until(lambda wanted=index + 1: network._queue._waiting == wanted)
    model.may_run.set()
    first.result(SOON)
    return futures


def wait_until(condition):
    pause = threading.Event()
    for _ in range(SOON * 1000):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError("it never happened")


def test_what_waits_while_the_model_is_busy_shares_the_next_run(network, pool):
    model = Model()
    futures = held_up(model, network(model), pool, [pictures(1), pictures(2, rows=2), pictures(3)])

    assert [future.result(SOON)[0][:, 0, 0, 0].tolist() for future in futures] == [[2], [4, 4], [6]]
    assert model.runs == [[1], [1, 2, 1]]


def test_a_run_has_no_more_rows_than_allowed(network, pool):
    model = Model()
    futures = held_up(model, network(model, most_rows=3), pool, [pictures(value, rows=2) for value in (1, 2, 3)])

    assert [future.result(SOON)[0][0, 0, 0, 0] for future in futures] == [2, 4, 6]
    assert model.runs == [[1], [2], [2], [2]]


def test_a_run_has_no_more_pixels_than_allowed(pool):
    model = Model()
    network = BatchedNetwork("model.onnx", [Lane("cpu", model)], BatchPolicy(8, 0, most_pixels=8))
    futures = held_up(model, network, pool, [pictures(value) for value in (1, 2, 3)])

    assert [future.result(SOON)[0][0, 0, 0, 0] for future in futures] == [2, 4, 6]
    assert model.runs == [[1], [1, 1], [1]]
    network.close()


def test_shapes_and_types_are_never_mixed(network, pool):
    model = Model()
    others = [pictures(1), pictures(2, height=3), pictures(3), pictures(4).astype(np.float16)]
    futures = held_up(model, network(model), pool, others)

    for future, tensor in zip(futures, others, strict=True):
        [answer] = future.result(SOON)
        assert answer.shape == tensor.shape
        assert answer.dtype == tensor.dtype
    assert sorted(model.runs) == [[1], [1], [1], [1, 1]]


def test_more_rows_than_a_run_takes_are_split_and_come_back_in_order(network):
    tensor = np.arange(10 * 3 * 4, dtype=np.float32).reshape(10, 3, 2, 2)

    [answer] = network(most_rows=4).run(tensor)

    assert np.array_equal(answer, tensor * 2)


def test_a_free_runner_waits_for_company(network, pool):
    model = Model()
    shared = network(model, most_rows=2, wait_s=LONG_S)
    futures = [pool.submit(shared.run, pictures(value)) for value in (1, 2)]

    assert [future.result(SOON)[0][0, 0, 0, 0] for future in futures] == [2, 4]
    assert model.runs == [[1, 1]]


def test_who_waits_for_company_does_not_hold_up_a_full_run_of_another_shape(network, pool):
    shared = network(most_rows=2, wait_s=LONG_S)
    lonely = pool.submit(shared.run, pictures(1, height=5))
    wait_until(lambda: shared._queue._waiting == 1)
    futures = [pool.submit(shared.run, pictures(value)) for value in (1, 2)]

    assert [future.result(SOON)[0][0, 0, 0, 0] for future in futures] == [2, 4]
    assert not lonely.done()
    shared.close()
    assert lonely.result(SOON)[0].shape == (1, 3, 5, 2)


def test_nobody_waits_longer_than_the_policy_says(network):
    assert network(most_rows=8, wait_s=0.01).run(pictures(1))[0][0, 0, 0, 0] == 2


def test_a_poisoned_tensor_fails_alone(network, pool):
    def poison(tensors):
        if any(tensor.max() == 13 for tensor in tensors):
            raise ValueError("thirteen")

    model = Model(poison)
    with capture_logs() as logs:
        futures = held_up(model, network(model), pool, [pictures(1), pictures(13), pictures(3)])
        assert [futures[index].result(SOON)[0][0, 0, 0, 0] for index in (0, 2)] == [2, 6]
        with pytest.raises(ModelError, match="thirteen"):
            futures[1].result(SOON)
    assert [entry["event"] for entry in logs] == ["batch_failed"]
    assert network(model).run(pictures(4))[0][0, 0, 0, 0] == 8


def test_the_error_of_a_broken_device_reaches_everyone(network, pool):
    def broken(tensors):
        raise UnsupportedModelError("out of memory")

    model = Model()
    shared = network(model)
    model.may_run.clear()
    futures = [pool.submit(shared.run, pictures(0))]
    assert model.entered.acquire(timeout=SOON)
    model._fails = broken
    futures += [pool.submit(shared.run, pictures(value)) for value in (1, 2, 3)]
    wait_until(lambda: shared._queue._waiting == 3)
    model.may_run.set()

    for future in futures:
        with pytest.raises(UnsupportedModelError, match="out of memory"):
            future.result(SOON)


def test_what_fails_on_the_device_is_answered_by_the_last_resort(network):
    def broken(tensors):
        raise RuntimeError("device lost")

    with capture_logs() as logs:
        [answer] = network(Model(broken), last_resort=lambda tensor: doubled([tensor])).run(pictures(3))
    assert answer[0, 0, 0, 0] == 6
    assert [(entry["event"], entry["detail"]) for entry in logs] == [("ran_elsewhere", "device lost")]


def test_where_the_last_resort_fails_too_its_error_counts(network):
    def broken(tensors):
        raise RuntimeError("device lost")

    def refuses(tensor):
        raise UnsupportedModelError("no such shape")

    with pytest.raises(UnsupportedModelError, match="no such shape"):
        network(Model(broken), last_resort=refuses).run(pictures(3))


def test_a_model_that_does_not_answer_row_by_row_is_run_alone(network, pool):
    class Summing(Model):
        def __call__(self, tensors):
            super().__call__(tensors)
            return [np.concatenate(tensors).sum(axis=0)]

    model = Summing()
    futures = held_up(model, network(model), pool, [pictures(1), pictures(2)])

    assert [future.result(SOON)[0][0, 0, 0] for future in futures] == [1, 2]


def test_a_full_queue_makes_the_next_one_wait(network, pool):
    model = Model()
    shared = network(model, most_rows=1, most_waiting=2)
    model.may_run.clear()
    futures = [pool.submit(shared.run, pictures(value)) for value in range(8)]
    assert model.entered.acquire(timeout=SOON)
    wait_until(lambda: shared._queue._waiting == 2)
    model.may_run.set()

    assert sorted(future.result(SOON)[0][0, 0, 0, 0] for future in futures) == [0, 2, 4, 6, 8, 10, 12, 14]


def test_closing_answers_for_what_waits_and_ends_the_threads(network, pool):
    model = Model()
    shared = network(model, most_rows=8, wait_s=LONG_S)
    futures = [pool.submit(shared.run, pictures(value)) for value in (1, 2)]
    wait_until(lambda: shared._queue._waiting == 2)

    shared.close()

    assert [future.result(SOON)[0][0, 0, 0, 0] for future in futures] == [2, 4]
    assert not any(runner.is_alive() for runner in shared._runners)
    with pytest.raises(ModelError, match="no longer running"):
        shared.run(pictures(3))


def test_closing_frees_those_whom_a_full_queue_holds_up(network, pool):
    model = Model()
    shared = network(model, most_rows=1, most_waiting=1)
    model.may_run.clear()
    futures = [pool.submit(shared.run, pictures(value)) for value in range(4)]
    assert model.entered.acquire(timeout=SOON)
    wait_until(lambda: shared._queue._waiting == 1)
    closing = pool.submit(shared.close)
    wait_until(lambda: sum(future.done() for future in futures) == 2)
    model.may_run.set()
    closing.result(SOON)

    refused = [future for future in futures if future.exception(SOON) is not None]
    assert len(refused) == 2


def test_threads_end_when_nobody_holds_the_network_any_more():
    network = BatchedNetwork("model.onnx", [Lane("cpu", doubled)], BatchPolicy(2, 0))
    network.run(pictures(1))
    runners, seen = network._runners, weakref.ref(network)

    del network
    gc.collect()

    assert seen() is None
    for runner in runners:
        runner.join(SOON)
        assert not runner.is_alive()


def test_nobody_hangs_when_a_runner_dies(network, pool):
    class Dead(BaseException):
        pass

    def dies(tensors):
        raise Dead

    shared = network(Model(dies), most_rows=1)
    # What ends a thread is reported there; here it is meant.
    before, threading.excepthook = threading.excepthook, lambda _: None
    try:
        with pytest.raises(BaseException):  # noqa: B017, PT011 - whatever it is, it must not hang
            pool.submit(shared.run, pictures(1)).result(SOON)
        for runner in shared._runners:
            runner.join(SOON)
    finally:
        threading.excepthook = before
    with pytest.raises(ModelError, match="no longer running"):
        shared.run(pictures(2))


def test_a_forked_process_is_told_and_does_not_wait_for_threads_it_has_not(network, monkeypatch):
    shared = network()
    monkeypatch.setattr("os.getpid", lambda: -1)

    with pytest.raises(ModelError, match="forked"):
        shared.run(pictures(1))


def test_devices_take_batches_in_turn_as_they_are_free(network, pool):
    slow, quick = Model(), Model()
    shared = network(slow, quick, most_rows=1)
    slow.may_run.clear()
    futures = [pool.submit(shared.run, pictures(value)) for value in range(6)]

    wait_until(lambda: sum(future.done() for future in futures) >= 5)
    slow.may_run.set()

    assert sorted(future.result(SOON)[0][0, 0, 0, 0] for future in futures) == [0, 2, 4, 6, 8, 10]
    assert len(slow.runs) <= 1


def test_an_observer_sees_every_run_and_cannot_stop_them(network, pool):
    seen = []

    def observe(run):
        seen.append(run)
        raise RuntimeError("metrics are down")

    model = Model()
    with capture_logs():
        futures = held_up(model, network(model, on_batch=observe), pool, [pictures(1), pictures(2, rows=2)])
        for future in futures:
            future.result(SOON)
        wait_until(lambda: len(seen) == 2)
    assert seen == [BatchRun("model.onnx", "lane 0", 1, 1), BatchRun("model.onnx", "lane 0", 3, 2)]


@pytest.mark.parametrize("lanes", [1, 3])
def test_who_shares_a_run_changes_no_result(export_model, lanes):
    """Many threads, shapes and sizes against ONNX Runtime itself, whose answers alone are the truth: bit for bit."""
    session = Session(export_model())
    bound = [session.bind() for _ in range(lanes)]
    network = BatchedNetwork(
        "model.onnx", [Lane("cpu", run) for run in bound], BatchPolicy(6, 0.002, most_pixels=6 * 64 * 64)
    )

    def work(seed):
        random = np.random.default_rng(seed)
        for _ in range(25):
            rows, height, width = random.integers(1, 10), *random.choice([32, 64, 96], 2)
            tensor = random.random((rows, 3, height, width), np.float32)
            for mine, alone in zip(network.run(tensor), session.run(tensor), strict=True):
                assert np.array_equal(mine, alone)
        return seed

    with ThreadPoolExecutor(16) as executor:
        assert list(executor.map(work, range(16))) == list(range(16))
    network.close()
