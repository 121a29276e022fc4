"""Photos are decoded in child processes of the service: whoever ends those ends no job, and no service."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.acceptance.conftest import wait_for
from tests.support.processes import is_alive, wait_until_gone


def children_of(pid):
    """Pids of the processes that have this parent and live."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            parent = int((folder / "stat").read_text("ascii", "replace").rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid and is_alive(int(folder.name)):
            found.append(int(folder.name))
    return found


def photos(path, count):
    """The same photo with different comments: no file is taken for one that did harm before."""
    data = path.read_bytes()
    return [data[:2] + b"\xff\xfe\0\4" + b"%02d" % number + data[2:] for number in range(count)]


@pytest.fixture(scope="module")
def own_service(tmp_path_factory, start_service):
    variables = {"NUM_WORKERS": "2", "DEFAULT_PROFILE": "fast", "AWS_SECRET_ACCESS_KEY": "a secret"}
    service = start_service(tmp_path_factory.mktemp("isolated") / "data", **variables)
    yield service
    [zygote] = children_of(service.process.pid)
    children = children_of(zygote)
    assert service.stop() == 0
    for pid in (zygote, *children):
        wait_until_gone(pid)


@pytest.fixture
def zygote(own_service):
    """Pid of the process that the service's children are forked from."""
    return wait_for(lambda: children_of(own_service.process.pid), "a zygote")[0]


def test_jobs_whose_children_are_killed_are_completed(own_service, zygote, small_photo):
    before = wait_for(lambda: len(children := children_of(zygote)) == 2 and children, "two children")
    jobs = [own_service.submit(photo) for photo in photos(small_photo, 6)]
    for child in before:
        os.kill(child, signal.SIGKILL)
    assert {own_service.finished(job)["status"] for job in jobs} == {"completed"}
    assert not set(before) & set(children_of(zygote))
    assert own_service.client.get("/health/ready").json()["dependencies"]["photos"] == {"ok": True, "detail": None}


def test_where_the_zygote_is_killed_another_takes_over(own_service, zygote, small_photo):
    os.kill(zygote, signal.SIGKILL)
    job = own_service.submit(small_photo.read_bytes())
    assert own_service.finished(job)["status"] == "completed"
    assert children_of(own_service.process.pid) != [zygote]


def test_children_have_no_secret(zygote):
    names = {entry.partition(b"=")[0] for entry in Path(f"/proc/{zygote}/environ").read_bytes().split(b"\0")}
    assert b"PATH" in names
    assert b"AWS_SECRET_ACCESS_KEY" not in names


def test_an_upload_is_redacted_while_others_hang_up_their_children(own_service, zygote, small_photo):
    """A stopped child holds its own photo up and nobody else's."""
    stopped, *_ = wait_for(lambda: children_of(zygote), "a child")
    os.kill(stopped, signal.SIGSTOP)
    try:
        jobs = [own_service.submit(photo) for photo in photos(small_photo, 4)]
        done = lambda: sum(own_service.status(job)["status"] == "completed" for job in jobs) >= 3  # noqa: E731
        wait_for(done, "three of four photos are done")
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert {own_service.finished(job)["status"] for job in jobs} == {"completed"}
