"""A store that fails, breaks off or is silent: an error in time, nothing half stored, and back to work."""

import io
import os
import threading
import time

import pytest
from tests.support.fault_proxy import Fault
from tests.support.servers import SeaweedS3, wait_until
from tests.support.storage_contract import JPEG

from streetveil.errors import StorageUnavailableError
from streetveil.storage.s3 import S3ObjectStore
from streetveil.storage.s3_options import S3Options

LARGE = os.urandom(20 * 2**20)
TOLD = {
    Fault.ANSWER_500: "answers 500",
    Fault.ANSWER_503: "answers 503",
    Fault.RESET: "broke off|cannot be reached",
    Fault.HANG: "does not answer in time",
}


@pytest.mark.parametrize("fault", TOLD)
def test_each_fault_is_told_in_each_use_and_passes_without_a_trace(shaky, store, proxy, fault):
    store.put("original/old.jpg", b"old", content_type=JPEG)
    uses = (
        shaky.check,
        lambda: shaky.get("original/old.jpg"),
        lambda: list(shaky.stream("original/old.jpg")),
        lambda: shaky.put("original/old.jpg", b"new", content_type=JPEG),
        lambda: shaky.put("original/old.jpg", io.BytesIO(LARGE), content_type=JPEG),
        lambda: list(shaky.list("original")),
        lambda: shaky.delete(["original/old.jpg"]),
    )
    shaky.check()  # so that there are open connections for the fault to take hold of
    for use in uses:
        with proxy.fault(fault):
            with pytest.raises(StorageUnavailableError, match=TOLD[fault]):
                use()
            proxy.set(Fault.RESET)  # what was held back is lost, not late
    assert proxy.injected[fault] >= len(uses)
    shaky.check()
    assert [item.key for item in store.list("original")] == ["original/old.jpg"]
    assert shaky.get("original/old.jpg") == b"old"


def test_a_short_outage_is_not_noticed(open_store, proxy):
    store = open_store(endpoint_url=proxy.endpoint)
    for fault in (Fault.ANSWER_500, Fault.RESET):
        proxy.set(fault)
        end = threading.Timer(0.15, proxy.set, [Fault.PASS])
        end.start()
        store.put("original/a.jpg", b"x", content_type=JPEG)
        end.join()
        assert proxy.injected[fault]
        assert store.get("original/a.jpg") == b"x"


def test_a_download_that_breaks_off_in_the_middle_goes_on_where_it_was(shaky, store, proxy):
    store.put("original/a.jpg", LARGE, content_type=JPEG)
    pieces = shaky.stream("original/a.jpg")
    first = next(pieces)
    with proxy.fault(Fault.RESET):
        pass
    assert first + b"".join(pieces) == LARGE


def test_a_download_that_cannot_go_on_is_never_taken_for_whole(shaky, store, proxy):
    store.put("original/a.jpg", LARGE, content_type=JPEG)
    proxy.cut_after = 100_000
    with proxy.fault(Fault.CUT):
        with pytest.raises(StorageUnavailableError):
            shaky.get("original/a.jpg")
        with pytest.raises(StorageUnavailableError):
            list(shaky.stream("original/a.jpg"))


def test_a_reader_that_takes_its_time_still_gets_everything(shaky, store):
    store.put("original/a.jpg", LARGE, content_type=JPEG)
    pieces = shaky.stream("original/a.jpg")
    got = [next(pieces)]
    time.sleep(1.5)  # more than the patience with a silent server
    assert b"".join([*got, *pieces]) == LARGE


def test_a_server_that_was_killed_is_used_again_when_it_is_back(tmp_path):
    with SeaweedS3(tmp_path) as server:
        options = S3Options(
            bucket=server.BUCKET,
            endpoint_url=server.endpoint,
            access_key_id=server.ACCESS_KEY,
            secret_access_key=server.SECRET_KEY,
            retries=0,
        )
        store = S3ObjectStore.open(options)
        store.put("original/a.jpg", b"x", content_type=JPEG)
        server.kill()
        with pytest.raises(StorageUnavailableError, match="nobody listens"):
            store.check()
        server.start()

        def works():
            try:
                store.check()
            except StorageUnavailableError:
                return False
            return True

        wait_until(works, 30)
        assert store.get("original/a.jpg") == b"x"


def test_a_role_service_that_is_silent_does_not_hold_up_a_check(open_store, proxy, monkeypatch):
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", proxy.endpoint)
    store = open_store(access_key_id=None, secret_access_key=None, request_timeout_s=1)
    with proxy.fault(Fault.HANG), pytest.raises(StorageUnavailableError, match="no S3 credentials"):
        store.check()
