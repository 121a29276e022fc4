"""The process dies, or an adapter fails, before and after every single step: nothing is lost, nothing is left over.

Each scenario runs once per step. The steps are the calls that reach outside: of storage, of the database
(a transaction's begin and its commit) and of the queue.
"""

from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from tests.support.house import TENANT

from streetveil.domain.job import JobStatus
from streetveil.errors import DatabaseUnavailableError, OutcomeUnknownError, StorageUnavailableError, StreetveilError
from streetveil.jobs.retention import Retention, RetentionPolicy

STORE_CALLS = ("put", "get", "delete")


class Killed(BaseException):
    """The process is no more."""


class Fault:
    """Strikes at step number `at`, before it is done or after."""

    def __init__(self, at, *, after, deadly):
        self.at = at
        self.after = after
        self.deadly = deadly
        self.steps = 0
        self.struck = False

    def __call__(self, error, step):
        if self.struck and self.deadly:
            raise Killed
        self.steps += 1
        if self.steps != self.at:
            return step()
        self.struck = True
        if self.after:
            step()
        raise Killed if self.deadly else error("struck")


class FaultyStore:
    def __init__(self, store, fault):
        self._store = store
        self._fault = fault

    def __getattr__(self, name):
        method = getattr(self._store, name)
        if name not in STORE_CALLS:
            return method
        return lambda *args, **more: self._fault(StorageUnavailableError, lambda: method(*args, **more))


class FaultyDatabase:
    def __init__(self, database, fault):
        self._database = database
        self._fault = fault

    def __getattr__(self, name):
        return getattr(self._database, name)

    @contextmanager
    def snapshot(self):
        self._fault(DatabaseUnavailableError, lambda: None)
        with self._database.snapshot() as unit:
            yield unit

    def transact(self, work):
        kept: list[Callable[[], None]] = []

        def hold(unit):
            result = work(unit)
            # What is done after the commit (queueing) is not done where that commit is where the process died.
            kept[:], unit._actions[:] = unit._actions, []
            return result

        result = self._fault(OutcomeUnknownError, lambda: self._database.transact(hold))
        for action in kept:
            action()
        return result


class FaultyQueue:
    def __init__(self, queue, fault):
        self._queue = queue
        self._fault = fault

    def __getattr__(self, name):
        return getattr(self._queue, name)

    def put(self, job_id, *, delay_s=0.0):
        self._fault(StreetveilError, lambda: self._queue.put(job_id, delay_s=delay_s))


def wrapped_by(fault):
    return {
        "wrap_storage": lambda store: FaultyStore(store, fault),
        "wrap_database": lambda database: FaultyDatabase(database, fault),
        "wrap_queue": lambda queue: FaultyQueue(queue, fault),
    }


def scenario(house, answered):
    """What clients and a worker do; `answered` keeps what clients were told."""
    calls = [
        lambda: answered.__setitem__("a", house.upload(b"a", idempotency_key="a").id),
        lambda: answered.__setitem__("b", house.upload(b"b").id),
        house.drain,
        lambda: house.erase(answered["a"], tenant=TENANT) if "a" in answered else None,
        lambda: answered.__setitem__("erased", True) if "a" in answered else None,
        house.drain,
    ]
    house.anonymise.failures = [StorageUnavailableError("passing")]
    for call in calls:
        with suppress(StreetveilError):  # the client is told so, or the queue logs it
            call()


def assert_nothing_lost(house, answered):
    for job in house.jobs():
        house.assert_completed(job, house.files.get(job.original_key))
        assert job.result is not None
    present = {job.id for job in house.jobs()}
    assert "b" not in answered or answered["b"] in present
    if "a" in answered and answered["a"] not in present:
        assert house.row(answered["a"]).status is JobStatus.ERASED
        assert house.row(answered["a"]).filename == ""
    house.assert_nothing_is_left_over()
    for _ in range(2):
        with suppress(StreetveilError):  # the fault may strike as late as here
            house.maintain.recover()
    assert_everything_is_told_once(house, answered)


def assert_everything_is_told_once(house, answered):
    """Whatever was interrupted where: what happened is in the audit log, once, and what did not is not."""
    verdict = house.audit_log.verify()
    assert (verdict.faults, verdict.waiting) == ((), 0)
    told: dict[str, list[str]] = {}
    for record in house.audit_log.records():
        told.setdefault(record.event.job_id, []).append(record.event.action)
    for job in house.jobs():
        assert told.pop(job.id) == ["submit", "complete"]
    for job_id, actions in told.items():
        assert actions in (["submit", "complete", "erase", "erased"], ["submit", "erase", "erased"])
        proof = house.prove_erasure(job_id)
        assert proof.problems == ()
        assert len(proof.records) == len(actions)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_the_process_dies_at_any_step(make_house, after):
    step = 0
    while True:
        step += 1
        fault = Fault(step, after=after, deadly=True)
        answered: dict[str, Any] = {}
        doomed = make_house(f"killed-{step}", **wrapped_by(fault))
        try:
            scenario(doomed, answered)
        except Killed:
            doomed.close()
        if not fault.struck:
            break
        restarted = make_house(f"killed-{step}")
        restarted.clock.catch_up()
        restarted.maintain.recover(alone=True)
        restarted.drain()
        assert_nothing_lost(restarted, answered)
        restarted.close()
    assert step > 20, "the scenario reaches outside less often than it used to: is everything wrapped?"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_adapter_fails_once_at_any_step(make_house, after):
    step = 0
    while True:
        step += 1
        fault = Fault(step, after=after, deadly=False)
        answered: dict[str, Any] = {}
        house = make_house(f"failed-{step}", **wrapped_by(fault))
        scenario(house, answered)
        # Nobody restarts: the leases run out, and the objects get old. The fault may strike as late as here.
        house.clock.turn(hours=2)
        for _ in range(2):
            with suppress(StreetveilError):
                house.maintain.recover()
            house.drain()
        assert_nothing_lost(house, answered)
        house.close()
        if not fault.struck:
            break
    assert step > 20


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_original_that_goes_with_success_goes_neither_before_nor_without_its_row_saying_so(make_house, after):
    dropped = RetentionPolicy(Retention(original=timedelta()))
    step = 0
    while True:
        step += 1
        fault = Fault(step, after=after, deadly=True)
        doomed = make_house(f"dropped-{step}", **wrapped_by(fault))
        with suppress(Killed):
            doomed.upload(b"a")
            doomed.process = doomed.worker("w", dropped)
            doomed.drain()
        jobs = doomed.jobs()
        for job in jobs:
            kept = job.original_key in doomed.objects()
            assert kept or job.original_deleted_at is not None
            assert job.status is JobStatus.COMPLETED or job.original_deleted_at is None
        doomed.close()
        restarted = make_house(f"dropped-{step}")
        restarted.clock.catch_up()
        restarted.maintain.recover(alone=True)
        restarted.process = restarted.worker("w", dropped)
        restarted.drain()
        for job in jobs:
            restarted.assert_completed(job, b"a")
            assert restarted.row(job.id).original_deleted_at is not None
            assert job.original_key not in restarted.objects()
        restarted.close()
        if not fault.struck:
            break
    assert step > 8
