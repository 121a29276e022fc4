"""What every object store promises. An adapter's tests inherit from this and give a `store` that is empty."""

import io
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import new_id
from streetveil.errors import ObjectMissingError, StorageUnavailableError
from streetveil.storage.keys import original_key

JPEG = "image/jpeg"


class BrokenFile(io.BytesIO):
    """A file whose reading fails after the first piece."""

    def read(self, size=-1):
        if self.tell():
            raise OSError("connection lost")
        return super().read(size)


def _spooled(content):
    file = tempfile.SpooledTemporaryFile(max_size=1000)  # noqa: SIM115 - the test closes it
    file.write(content)
    file.seek(0)
    return file


class StorageContract:
    def test_what_is_put_comes_back(self, store):
        store.put("original/a.jpg", b"bytes", content_type=JPEG)
        assert store.get("original/a.jpg") == b"bytes"
        assert b"".join(store.stream("original/a.jpg")) == b"bytes"

    def test_empty_objects_are_objects(self, store):
        store.put("original/a.jpg", b"", content_type=JPEG)
        assert store.get("original/a.jpg") == b""
        assert b"".join(store.stream("original/a.jpg")) == b""

    def test_a_put_replaces_what_was_there(self, store):
        for content in (b"a longer first", b"second"):
            store.put("original/a.jpg", content, content_type=JPEG)
        assert store.get("original/a.jpg") == b"second"

    @pytest.mark.parametrize("make", [io.BytesIO, _spooled], ids=["memory", "spooled"])
    @pytest.mark.parametrize("size", [0, 1, 5 * 2**20 + 1, 12 * 2**20])
    def test_files_of_any_size_are_stored_whole(self, store, make, size):
        content = os.urandom(size)
        with make(content) as file:
            store.put("original/a.jpg", file, content_type=JPEG)
        assert store.get("original/a.jpg") == content

    def test_large_objects_come_in_pieces_of_bounded_size(self, store):
        content = os.urandom(10 * 2**20)
        store.put("original/a.jpg", content, content_type=JPEG)
        pieces = list(store.stream("original/a.jpg"))
        assert b"".join(pieces) == content
        assert max(map(len, pieces)) <= 2 * 2**20

    def test_a_missing_object_is_reported_before_the_first_piece(self, store):
        with pytest.raises(ObjectMissingError):
            store.get("original/a.jpg")
        with pytest.raises(ObjectMissingError):
            store.stream("original/a.jpg")

    def test_removing_passes_over_what_is_not_there(self, store):
        for name in "ac":
            store.put(f"original/{name}.jpg", b"x", content_type=JPEG)
        store.delete(["original/a.jpg", "original/b.jpg", "original/c.jpg"])
        store.delete([])
        assert list(store.list("original")) == []

    def test_a_listing_shows_size_and_time(self, store):
        before = datetime.now(UTC) - timedelta(seconds=2)
        key = original_key(DEFAULT_TENANT, new_id(), "jpg")
        store.put(key, b"12345", content_type=JPEG)
        store.put("processed/a.jpg", b"x", content_type=JPEG)
        [item] = store.list("original")
        assert (item.key, item.size) == (key, 5)
        assert before <= item.modified <= datetime.now(UTC)

    def test_what_lies_in_folders_of_tenants_is_listed_by_its_whole_key(self, store):
        job_id = new_id()
        keys = {original_key(tenant, job_id, "jpg") for tenant in (DEFAULT_TENANT, "a", "a-b")}
        for key in keys:
            store.put(key, key.encode(), content_type=JPEG)
        tenants = {f"tenants/{tenant}/original/{job_id}.jpg" for tenant in ("a", "a-b")}
        assert {item.key for item in store.list("tenants")} == tenants
        assert {item.key for item in store.list("tenants/a")} == {f"tenants/a/original/{job_id}.jpg"}
        assert {item.key for item in store.list("original")} == keys - tenants
        store.delete(tenants)
        assert list(store.list("tenants")) == []
        assert store.get(f"original/{job_id}.jpg") == f"original/{job_id}.jpg".encode()

    def test_a_file_is_stored_from_where_it_stands(self, store):
        file = io.BytesIO(b"header and content")
        file.seek(len("header and "))
        store.put("original/a.jpg", file, content_type=JPEG)
        assert store.get("original/a.jpg") == b"content"

    def test_more_objects_than_fit_one_page_are_all_shown_and_removed(self, store):
        keys = {original_key(DEFAULT_TENANT, new_id(), "jpg") for _ in range(1103)}
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda key: store.put(key, b"", content_type=JPEG), keys))
        store.put("processed/a.jpg", b"", content_type=JPEG)
        assert {item.key for item in store.list("original")} == keys
        store.delete(iter(keys))
        assert list(store.list("original")) == []
        assert [item.key for item in store.list("processed")] == ["processed/a.jpg"]

    def test_an_upload_that_breaks_off_leaves_no_object_and_spares_the_old_one(self, store):
        store.put("original/old.jpg", b"old", content_type=JPEG)
        for size in (100, 20 * 2**20):
            for key in ("original/new.jpg", "original/old.jpg"):
                with pytest.raises(StorageUnavailableError):
                    store.put(key, BrokenFile(b"x" * size), content_type=JPEG)
        assert [item.key for item in store.list("original")] == ["original/old.jpg"]
        assert store.get("original/old.jpg") == b"old"

    def test_several_threads_may_use_it_at_once(self, store):
        contents = {original_key(DEFAULT_TENANT, new_id(), "jpg"): os.urandom(300_000) for _ in range(24)}
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda item: store.put(item[0], item[1], content_type=JPEG), contents.items()))
            found = dict(zip(contents, threads.map(store.get, contents), strict=True))
        assert found == contents

    def test_a_store_that_works_says_so_and_leaves_nothing(self, store):
        store.check()
        assert list(store.list("check")) == []

    def test_what_a_check_left_behind_is_discarded_when_old(self, store):
        store.put("check/left", b"x", content_type="text/plain")
        now = datetime.now(UTC)
        assert store.discard_unfinished(now - timedelta(hours=1)) == 0
        assert store.discard_unfinished(now + timedelta(seconds=2)) == 1
        assert list(store.list("check")) == []
