"""A worker tells over HTTP whether it lives and whether it is ready, and why not."""

import json
import urllib.error
import urllib.request

import pytest

from streetveil.errors import ConfigurationError, DecoderUnavailableError
from streetveil.observability.metrics import Metrics
from streetveil.queue.memory import MemoryQueue
from streetveil.worker.health_server import HealthServer
from streetveil.worker.readiness import Readiness
from streetveil.worker.readings import worker_readings
from streetveil.worker.worker import Worker


@pytest.fixture
def readiness():
    return Readiness()


@pytest.fixture
def server(readiness):
    server = HealthServer("127.0.0.1", 0, readiness.report)
    server.start()
    yield server
    server.stop()


def test_metrics_are_told_in_the_form_that_is_asked_for(readiness):
    metrics = Metrics(component="worker", version="1.2.3")
    server = HealthServer("127.0.0.1", 0, readiness.report, metrics.expose)
    server.start()
    worker = Worker(queue=MemoryQueue(), process=print, threads=3)
    metrics.watch(worker_readings(worker))
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/metrics?of=all",
        headers={"Accept": "application/openmetrics-text; version=1.0.0"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            media_type, text = response.headers["Content-Type"], response.read().decode()
    finally:
        server.stop()
    assert media_type.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")
    assert "streetveil_worker_threads 3.0" in text


def test_without_metrics_there_are_none(server):
    assert ask(server, "/metrics")[0] == 404


def ask(server, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_worker_that_is_starting_lives_but_is_not_ready(server):
    assert ask(server, "/health/live") == (200, {"status": "live"})
    assert ask(server, "/health/ready") == (503, {"status": "not ready", "reason": "starting"})


def test_the_reason_for_not_being_ready_is_told(server, readiness):
    readiness.not_ready("the face model is missing (model_missing)")
    _, answer = ask(server, "/health/ready")
    assert answer["reason"] == "the face model is missing (model_missing)"


def test_a_running_worker_is_ready_until_it_drains(server, readiness):
    worker = Worker(queue=MemoryQueue(), process=print, threads=3)
    worker.start()
    readiness.ready(worker)
    assert ask(server, "/health/ready") == (200, {"status": "ready", "threads": 3, "busy": 0})
    worker.stop(10)
    status, answer = ask(server, "/health")
    assert (status, answer["reason"]) == (503, "draining")


def test_a_worker_that_cannot_work_on_photos_is_not_ready_and_says_why(server, readiness):
    def check():
        raise DecoderUnavailableError("no process could be started")

    worker = Worker(queue=MemoryQueue(), process=print, threads=1)
    worker.start()
    readiness.ready(worker, check)
    status, answer = ask(server, "/health/ready")
    worker.stop(10)
    assert (status, answer["reason"]) == (503, "no process could be started (decoder_unavailable)")


def test_other_paths_are_not_found(server):
    assert ask(server, "/metrics/../etc")[0] == 404


def test_a_taken_port_is_a_clear_error(server, readiness):
    with pytest.raises(ConfigurationError, match=f"port {server.port}: Address already in use"):
        HealthServer("127.0.0.1", server.port, readiness.report)
