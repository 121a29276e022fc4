"""One embedded service per data folder."""

import pytest

from streetveil.database.folder_lock import DataFolderLock
from streetveil.errors import ConfigurationError, DataDirectoryBusyError


def test_a_folder_is_held_by_one(tmp_path):
    first, second = DataFolderLock(tmp_path / "data"), DataFolderLock(tmp_path / "data")
    first.acquire()
    with pytest.raises(DataDirectoryBusyError, match="another data folder"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_releasing_what_is_not_held_does_nothing(tmp_path):
    DataFolderLock(tmp_path).release()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="cannot be used: Not a directory"):
        DataFolderLock(tmp_path / "file" / "data").acquire()
    with pytest.raises(ConfigurationError, match="cannot be used: it is a file"):
        DataFolderLock(tmp_path / "file").acquire()
