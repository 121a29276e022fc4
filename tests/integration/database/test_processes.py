"""Several processes at one data folder."""

import subprocess
import sys

import pytest

from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.folder_lock import DataFolderLock
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.errors import DataDirectoryBusyError

UPGRADE = """
import sys
from pathlib import Path
from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.unit_of_work import SqlDatabase
database = SqlDatabase(open_engine(sqlite_url(Path(sys.argv[1]))))
sys.stdin.readline()
database.upgrade()
database.check()
"""

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


def test_processes_that_upgrade_at_once_make_one_schema(tmp_path):
    path = tmp_path / "jobs.db"
    processes = [start(UPGRADE, path) for _ in range(3)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    database = SqlDatabase(open_engine(sqlite_url(path)))
    database.check()
    database.close()


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
