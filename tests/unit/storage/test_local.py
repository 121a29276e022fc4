"""Objects as files: whole or not at all, readable by their owner alone."""

import io
import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta

import pytest

from streetveil.domain.job import new_id
from streetveil.errors import ObjectMissingError, StorageUnavailableError
from streetveil.storage.keys import original_key
from streetveil.storage.local import LocalObjectStore

JPEG = "image/jpeg"


def _spooled(content):
    file = tempfile.SpooledTemporaryFile(max_size=1000)  # noqa: SIM115 - the test closes it
    file.write(content)
    file.seek(0)
    return file


@pytest.fixture
def store(tmp_path):
    return LocalObjectStore.open(tmp_path / "objects")


def test_what_is_put_comes_back(store):
    store.put("original/a.jpg", b"bytes", content_type=JPEG)
    assert store.get("original/a.jpg") == b"bytes"
    assert b"".join(store.stream("original/a.jpg")) == b"bytes"


def test_empty_objects_are_objects(store):
    store.put("original/a.jpg", b"", content_type=JPEG)
    assert store.get("original/a.jpg") == b""
    assert b"".join(store.stream("original/a.jpg")) == b""


def test_a_put_replaces_what_was_there(store):
    for content in (b"a longer first", b"second"):
        store.put("original/a.jpg", content, content_type=JPEG)
    assert store.get("original/a.jpg") == b"second"


@pytest.mark.parametrize("make", [io.BytesIO, _spooled], ids=["memory", "spooled"])
@pytest.mark.parametrize("size", [0, 1, 5 * 2**20 + 1, 12 * 2**20])
def test_files_of_any_size_are_stored_whole(store, make, size):
    content = os.urandom(size)
    with make(content) as file:
        store.put("original/a.jpg", file, content_type=JPEG)
    assert store.get("original/a.jpg") == content


def test_large_objects_come_in_pieces_of_bounded_size(store):
    content = os.urandom(10 * 2**20)
    store.put("original/a.jpg", content, content_type=JPEG)
    pieces = list(store.stream("original/a.jpg"))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 2 * 2**20


def test_a_missing_object_is_reported_before_the_first_piece(store):
    with pytest.raises(ObjectMissingError):
        store.get("original/a.jpg")
    with pytest.raises(ObjectMissingError):
        store.stream("original/a.jpg")


def test_removing_passes_over_what_is_not_there(store):
    for name in "ac":
        store.put(f"original/{name}.jpg", b"x", content_type=JPEG)
    store.delete(["original/a.jpg", "original/b.jpg", "original/c.jpg"])
    store.delete([])
    assert list(store.list("original")) == []


def test_a_listing_shows_size_and_time(store):
    before = datetime.now(UTC) - timedelta(seconds=2)
    key = original_key(new_id(), "jpg")
    store.put(key, b"12345", content_type=JPEG)
    store.put("processed/a.jpg", b"x", content_type=JPEG)
    [item] = store.list("original")
    assert (item.key, item.size) == (key, 5)
    assert before <= item.modified <= datetime.now(UTC)


def test_more_objects_than_fit_one_listing_are_all_shown(store, tmp_path):
    for number in range(1203):
        (tmp_path / "objects" / "original" / f"{number}.jpg").write_bytes(b"")
    assert len({item.key for item in store.list("original")}) == 1203


def test_an_upload_that_breaks_off_leaves_nothing(store, tmp_path):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            if self.tell():
                raise OSError("connection lost")
            return super().read(size)

    for size in (100, 12 * 2**20):
        with pytest.raises(StorageUnavailableError):
            store.put("original/a.jpg", Broken(b"x" * size), content_type=JPEG)
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


def test_half_written_files_of_a_killed_process_are_removed(store, tmp_path):
    half = tmp_path / "objects" / "original" / f"{new_id()}.jpg#3"
    half.write_bytes(b"half")
    assert list(store.list("original")) == []
    now = datetime.now(UTC)
    assert store.discard_unfinished(now - timedelta(hours=1)) == 0
    assert store.discard_unfinished(now + timedelta(seconds=1)) == 1
    assert not half.exists()


def test_only_the_owner_can_look_in(tmp_path):
    LocalObjectStore.open(tmp_path / "objects")
    assert (tmp_path / "objects").stat().st_mode & 0o077 == 0


def test_a_file_url_names_the_file(store, tmp_path):
    assert store.url("original/a.jpg") == (tmp_path / "objects" / "original" / "a.jpg").as_uri()
    assert store.presigned_url("original/a.jpg", 60) is None


def test_a_store_that_works_says_so_and_leaves_nothing(store, tmp_path):
    store.check()
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


def test_a_folder_that_is_gone_is_reported_without_telling_paths(store, tmp_path):
    shutil.rmtree(tmp_path / "objects")
    (tmp_path / "objects").write_bytes(b"a file")
    for use in (store.check, lambda: store.put("original/a.jpg", b"x", content_type=JPEG)):
        with pytest.raises(StorageUnavailableError) as error:
            use()
        assert str(tmp_path) not in error.value.detail


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailableError, match="cannot be made"):
        LocalObjectStore.open(tmp_path / "file" / "objects")
