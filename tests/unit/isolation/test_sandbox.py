"""What a photo that took its child over could do with it: nothing that reaches beyond its own result."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from tests.support.hostile_photos import photo
from tests.support.processes import wait_until_gone

from streetveil.domain.options import JobOptions
from streetveil.errors import UndecodableImageError
from streetveil.isolation.sandbox import landlock_version

# Versions of Landlock that can forbid it; an older kernel leaves it allowed, as docs/hostile-images.md says.
FILES, CONNECTIONS, SIGNALS = 1, 4, 6


def tried(pool, what):
    with pytest.raises(UndecodableImageError) as caught:
        pool.attempt(photo(f"try {what}"), JobOptions())
    return caught.value.detail.partition(": ")[2]


def assert_forbidden(pool, what, version):
    outcome = tried(pool, what)
    if landlock_version() >= version:
        assert outcome == "PermissionError"


def test_it_knows_no_secret_of_the_environment(open_own_pool, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("DATABASE_URL", "mysql://u:secret@db/x")
    monkeypatch.setenv("JWT_SECRET", "x" * 32)
    names = tried(open_own_pool(size=1), "environment").split(",")
    assert "PATH" in names
    assert not {"AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "JWT_SECRET"} & set(names)


def test_it_cannot_look_into_its_parent(pool):
    assert_forbidden(pool, f"read /proc/{os.getpid()}/environ", FILES)


def test_it_reads_no_file_of_ours_and_lists_no_folder(pool, tmp_path):
    (tmp_path / "secret").write_text("x")
    assert_forbidden(pool, f"read {tmp_path / 'secret'}", FILES)
    assert_forbidden(pool, f"list {tmp_path}", FILES)


def test_it_writes_nothing(pool, tmp_path):
    target = tmp_path / "written"
    assert tried(pool, f"write {target}") in {"PermissionError", "OSError"}
    assert not target.exists() or target.read_bytes() == b""


def test_it_cannot_connect(pool):
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert_forbidden(pool, f"connect {server.getsockname()[1]}", CONNECTIONS)


def test_it_cannot_signal_its_parent(pool):
    assert_forbidden(pool, f"signal {os.getpid()}", SIGNALS)


def test_it_gains_no_privileges(pool):
    assert tried(pool, "limits") in {"1", "FileNotFoundError", "PermissionError"}


PROGRAM = """
import sys, threading
from streetveil.domain.options import JobOptions
from streetveil.isolation.limits import Limits
from streetveil.isolation.nursery import Nursery, Recipe
from streetveil.isolation.pool import PoolPolicy, ProcessPool
from tests.support.hostile_photos import PLACE, photo

nursery = Nursery(Recipe(PLACE, {}), Limits(memory_bytes=2**28))
pool = ProcessPool(nursery, PoolPolicy(size=2, timeout_s=600, max_pixels=10**6))
pool.start()
children = [child.pid for child in pool._free.queue]
threading.Thread(target=pool.attempt, args=(photo("hang"), JobOptions())).start()
while pool._free.qsize() == 2:
    pass
print(nursery._process.pid, *children, flush=True)
"""


def test_where_the_parent_is_killed_all_end_with_it():
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
    with subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 3
        parent.kill()
    for pid in pids:
        wait_until_gone(pid)
