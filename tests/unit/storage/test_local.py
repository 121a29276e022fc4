"""Objects as files: whole or not at all, readable by their owner alone."""

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.storage_contract import JPEG, BrokenFile, StorageContract

from streetveil.domain.job import new_id
from streetveil.errors import ObjectMissingError, StorageUnavailableError
from streetveil.storage.local import LocalObjectStore


@pytest.fixture
def store(tmp_path):
    return LocalObjectStore.open(tmp_path / "objects")


class TestContract(StorageContract):
    """The promises of every store."""


def test_an_upload_that_breaks_off_leaves_no_file(store, tmp_path):
    for size in (100, 12 * 2**20):
        with pytest.raises(StorageUnavailableError):
            store.put("original/a.jpg", BrokenFile(b"x" * size), content_type=JPEG)
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


def test_only_the_owner_can_look_into_a_folder_that_is_open_to_others(tmp_path):
    (tmp_path / "objects").mkdir(mode=0o755)
    LocalObjectStore.open(tmp_path / "objects").put("tenants/acme/original/a.jpg", b"face", content_type="image/jpeg")
    within = [path for path in (tmp_path / "objects").iterdir() if path.is_dir()]
    assert within
    assert all(path.stat().st_mode & 0o077 == 0 for path in within)


def test_a_file_url_names_the_file(store, tmp_path):
    assert store.url("original/a.jpg") == (tmp_path / "objects" / "original" / "a.jpg").as_uri()
    assert store.presigned_url("original/a.jpg", 60) is None


def test_a_folder_that_is_gone_is_reported_without_telling_paths(store, tmp_path):
    shutil.rmtree(tmp_path / "objects")
    (tmp_path / "objects").write_bytes(b"a file")
    for use in (store.check, lambda: store.put("original/a.jpg", b"x", content_type=JPEG)):
        with pytest.raises(StorageUnavailableError) as error:
            use()
        assert str(tmp_path) not in error.value.detail


def test_no_key_leads_out_of_the_folder(store, tmp_path):
    (tmp_path / "secret").write_bytes(b"x")
    for key in ("../secret", "original/../../secret"):
        with pytest.raises(ObjectMissingError):
            store.get(key)


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnavailableError, match="cannot be made"):
        LocalObjectStore.open(tmp_path / "file" / "objects")


def test_the_folders_of_a_new_tenant_are_on_the_disk_with_its_first_photo(tmp_path, monkeypatch):
    store = LocalObjectStore.open(tmp_path)
    synced = set()
    really = os.fsync

    def fsync(descriptor):
        synced.add(Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(tmp_path).as_posix())
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    store.put("tenants/a/original/x.jpg", b"x", content_type="image/jpeg")
    assert synced == {"tenants", "tenants/a", "tenants/a/original", "tenants/a/original/x.jpg"}
