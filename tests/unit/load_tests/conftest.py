"""A service that answers as the contract says, without doing anything."""

import itertools
import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image
from tests.support.http_stub import Answer, HttpStub

LOAD_TESTS = Path(__file__).parents[3] / "load-tests"


class Service:
    """Takes `room` photos and refuses the rest; each job ends as `ends` says after its second question.

    `start_s`: so long it is not ready yet, and whoever asks for the queue first waits.
    """

    def __init__(self):
        self.url = ""
        self.room = 1000
        self.ends = "completed"
        self.status = 202
        self.start_s = 0.0
        self.photos = []
        self.tokens = set()
        self._asked = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def __call__(self, request):
        with self._lock:
            self.tokens.add(request.headers.get("authorization"))
            if request.path == "/queue-status":
                time.sleep(self.start_s)
                self.start_s = 0.0
                return _json(200, {"timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z")})
            if request.path == "/upload":
                return self._upload(request)
            return self._status(request.path.rpartition("/")[2])

    def _upload(self, request):
        if self.status != 202:
            return _json(self.status, {"code": "broken"})
        self.photos.append(_file_in(request))
        if len(self.photos) > self.room:
            return _json(429, {"code": "queue_full"}, {"Retry-After": "1"})
        return _json(202, {"job_id": f"job-{next(self._numbers)}"})

    def _status(self, job):
        self._asked[job] = self._asked.get(job, 0) + 1
        status = self.ends if self._asked[job] > 1 else "processing"
        return _json(200, {"status": status, "updated_at": time.time(), "error": None})


def _json(status, body, headers=None):
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})


def _file_in(request):
    boundary = request.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    [part] = [part for part in request.body.split(b"--" + boundary) if b'name="file"' in part]
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


@pytest.fixture
def service():
    """The stub and, as `url`, where it listens."""
    answers = Service()
    with HttpStub(answers) as stub:
        answers.url = stub.endpoint
        yield answers


@pytest.fixture
def load_tests(monkeypatch):
    """The folder of the scripts, which import each other from there."""
    monkeypatch.syspath_prepend(str(LOAD_TESTS))
    return LOAD_TESTS


@pytest.fixture
def photos(tmp_path):
    """Two small photos and their index, as make_photos.py leaves them."""
    folder = tmp_path / "photos"
    folder.mkdir()
    names = ["a.jpg", "b.jpg"]
    for name, colour in zip(names, ("red", "blue"), strict=True):
        Image.new("RGB", (32, 24), colour).save(folder / name)
    (folder / "index.json").write_text(json.dumps(names))
    return folder
