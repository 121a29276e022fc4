"""Real processes with the real models and sample photos, as a user starts them."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from PIL import Image
from tests.support.model_cache import complete_model_cache
from tests.support.own_settings import others

from streetveil.detection.models import BUS, ZIDANE

STREETVEIL = Path(sys.executable).with_name("streetveil")
PATIENCE_S = 60


def wait_for(condition, what):
    """The first true value of `condition()`; a deadline far beyond what it takes ends a test that hangs."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"did not happen: {what}"
        time.sleep(0.02)
    return value


@pytest.fixture(scope="session")
def cache():
    """The model cache, complete."""
    return complete_model_cache()


@pytest.fixture(scope="session")
def bus(cache):
    """The sample photo of a bus and people."""
    return cache.path(BUS)


@pytest.fixture(scope="session")
def zidane(cache):
    """The sample photo of two large faces."""
    return cache.path(ZIDANE)


@pytest.fixture(scope="session")
def environment(cache):
    """The caller's environment without settings of the caller's own."""
    return others() | {"STREETVEIL_CACHE": str(cache.root), "COLUMNS": "200"}


@dataclass
class Command:
    """Runs `streetveil ...` in a folder of its own."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, *arguments, **variables):
        """Runs to the end."""
        return subprocess.run(
            [STREETVEIL, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def start(self, *arguments):
        """Starts and returns the process."""
        return subprocess.Popen(
            [STREETVEIL, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def streetveil(tmp_path, environment):
    return Command(tmp_path, environment)


@pytest.fixture(scope="session")
def small_photo(zidane, tmp_path_factory):
    """The photo of two faces at half its size: quick work."""
    path = tmp_path_factory.mktemp("samples") / "small.jpg"
    with Image.open(zidane) as image:
        image.resize((640, 360)).save(path, quality=92)
    return path


class Service:
    """One `streetveil serve` process on a free port."""

    def __init__(self, data_dir, environment, variables):
        self.data_dir = data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        self._log = (data_dir.parent / f"{data_dir.name}.log").open("a+b")
        begin = self._log.seek(0, os.SEEK_END)
        self.process = subprocess.Popen(
            [STREETVEIL, "serve", "--port", "0", "--data-dir", str(data_dir)],
            cwd=data_dir.parent,
            env=environment | {"LOG_FORMAT": "json"} | variables,
            stdout=self._log,
            stderr=self._log,
        )
        self._begin = begin
        authority = variables.get("TLS_CERTIFICATE")
        self._scheme = "http" if authority is None else "https"
        verify = True if authority is None else ssl.create_default_context(cafile=authority)
        self.client = httpx.Client(timeout=PATIENCE_S, verify=verify)

    def wait_until_ready(self):
        listening = wait_for(self._listening, "the service listens")
        self.client.base_url = f"{self._scheme}://127.0.0.1:{listening['port']}"
        wait_for(self._ready, "the service is ready")

    def log(self):
        """What this process has logged so far."""
        text = os.pread(self._log.fileno(), 1 << 24, self._begin).decode()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]

    def _listening(self):
        assert self.process.poll() is None, os.pread(self._log.fileno(), 1 << 24, self._begin).decode()
        return next((line for line in self.log() if line["event"] == "listening"), None)

    def _ready(self):
        try:
            return self.client.get("/health/ready").is_success
        except httpx.TransportError:
            return False

    def upload(self, content, name="photo.jpg", headers=None, **fields):
        return self.client.post("/upload", files={"file": (name, content)}, data=fields, headers=headers)

    def submit(self, content, **fields):
        answer = self.upload(content, **fields)
        assert answer.status_code == 202, answer.text
        return answer.json()["job_id"]

    def status(self, job_id):
        return self.client.get(f"/status/{job_id}").json()

    def finished(self, job_id):
        """The status of a job once it is completed or failed."""
        wait_for(lambda: self.status(job_id)["status"] in {"completed", "failed"}, f"job {job_id} ends")
        return self.status(job_id)

    def objects(self):
        """Names of all stored objects."""
        folder = self.data_dir / "objects"
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())

    def spool(self):
        """Files of requests that were not cleared away."""
        return [path for path in (self.data_dir / "incoming").rglob("*") if path.is_file()]

    def stop(self, number=signal.SIGTERM):
        """Sends a signal and returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def close(self):
        """Ends what still runs."""
        self.stop(signal.SIGKILL)
        self.client.close()
        self._log.close()


@pytest.fixture(scope="session")
def start_service(environment):
    """Starts services, and stops at the end what a test did not."""
    services = []

    def start(data_dir, **variables):
        service = Service(data_dir, environment, variables)
        services.append(service)
        service.wait_until_ready()
        return service

    yield start
    for service in services:
        service.close()


@pytest.fixture(scope="session")
def service(start_service, tmp_path_factory):
    """One service that tests share; each must leave it as it was but for its own jobs."""
    service = start_service(tmp_path_factory.mktemp("service") / "data", MAX_BATCH_FILES="4")
    yield service
    assert service.stop() == 0
