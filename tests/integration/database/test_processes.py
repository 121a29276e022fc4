"""Several processes at one data folder."""

import subprocess
import sys

import pytest

from streetveil.database.folder_lock import DataFolderLock
from streetveil.errors import DataDirectoryBusyError

HOLD = """
import sys
from pathlib import Path
from streetveil.database.folder_lock import DataFolderLock
lock = DataFolderLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.readline()
"""


def start(script, path):
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_killed_process_lets_go_of_its_data_folder(tmp_path):
    lock = DataFolderLock(tmp_path)
    with start(HOLD, tmp_path) as process:
        try:
            assert process.stdout.readline() == "held\n"
            with pytest.raises(DataDirectoryBusyError):
                lock.acquire()
        finally:
            process.kill()
    lock.acquire()
    lock.release()
