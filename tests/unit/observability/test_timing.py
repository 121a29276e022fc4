"""Adapters that tell how long they take are the adapters still."""

import io

import pytest
from tests.support.house import House, TurnableClock

from streetveil.database.measured import MeasuredDatabase
from streetveil.errors import JobNotFoundError, ObjectMissingError, QueueUnavailableError
from streetveil.queue.measured import MeasuredQueue
from streetveil.storage.local import LocalObjectStore
from streetveil.storage.measured import MeasuredObjectStore


class Told:
    def __init__(self):
        self.calls = []

    def __call__(self, operation, seconds, *, ok):
        assert seconds >= 0
        self.calls.append((operation, ok))


@pytest.fixture
def told():
    return Told()


def test_storage_is_told_of_and_works_as_before(tmp_path, told):
    store = MeasuredObjectStore(LocalObjectStore.open(tmp_path), told)
    store.put("folder/key", io.BytesIO(b"photo"), content_type="image/jpeg")
    assert store.get("folder/key") == b"".join(store.stream("folder/key")) == b"photo"
    assert [item.key for item in store.list("folder")] == ["folder/key"]
    assert store.url("folder/key").startswith("file://")
    store.delete(["folder/key"])
    with pytest.raises(ObjectMissingError):
        store.get("folder/key")
    store.check()
    # that there is no such object is an answer, not a failure of storage
    assert told.calls == [(name, True) for name in ("put", "get", "open", "delete", "get", "check")]


def test_a_service_whose_adapters_are_measured_works_as_before(tmp_path, told):
    house = House(
        tmp_path,
        TurnableClock(),
        wrap_database=lambda database: MeasuredDatabase(database, told),
        wrap_storage=lambda store: MeasuredObjectStore(store, told),
        wrap_queue=lambda queue: MeasuredQueue(queue, told),
    )
    house.sql.upgrade()
    job = house.upload()
    house.drain()
    house.assert_completed(job)
    with pytest.raises(JobNotFoundError):
        house.inspect.job("nowhere", tenant="default")
    assert {"transact", "read", "put", "get", "depth"} <= {operation for operation, _ in told.calls}
    assert all(ok for _, ok in told.calls)
    house.memory.close()
    with pytest.raises(QueueUnavailableError):
        house.adapters["queue"].depth()
    assert told.calls[-1] == ("depth", False)
    house.close()
