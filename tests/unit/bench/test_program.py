import signal
import subprocess
import sys

import pytest
from tests.support.own_settings import forget

from streetveil.bench.processes import core_seconds, end, family, memory, undisturbed
from streetveil.bench.program import Program, environment_of
from streetveil.errors import MeasurementError
from streetveil.settings import load_settings, variables


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch, tmp_path):
    forget(monkeypatch)
    monkeypatch.chdir(tmp_path)


def test_a_process_has_the_settings_of_ours_wherever_they_come_from(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("REDIS_URL=redis://:nobody-knows-this@host/0\nLOG_LEVEL=DEBUG\n")
    monkeypatch.setenv("FACE_DETECTION_MODEL_PATH", "own.onnx")
    monkeypatch.setenv("DEFAULT_PROFILE", "fast")
    monkeypatch.setenv("HOME", "/home/somebody")

    environment = environment_of(load_settings(), NUM_WORKERS="2", DEFAULT_PROFILE="accurate")

    assert environment["REDIS_URL"] == "redis://:nobody-knows-this@host/0"
    assert environment["FACE_DETECTION_MODEL_PATH"] == str(tmp_path / "own.onnx")
    assert environment["DEFAULT_PROFILE"] == "accurate"
    assert environment["NUM_WORKERS"] == "2"
    assert environment["HOME"] == "/home/somebody"
    assert "DATABASE_URL" not in environment


def test_what_a_configuration_file_says_is_said_once(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text('{"max_queue_size": 7, "aws_config": {"bucket_name": "photos"}}')
    monkeypatch.setenv("PIPELINE_CONFIG", "config.json")

    environment = environment_of(load_settings(), S3_BUCKET="")

    assert environment["MAX_QUEUE_SIZE"] == "7"
    assert environment["S3_BUCKET"] == ""
    assert "PIPELINE_CONFIG" not in environment


def test_all_kinds_of_values_arrive_as_they_were(tmp_path, monkeypatch):
    (tmp_path / "password").write_text("nobody-knows-this\n")
    monkeypatch.setenv("TLS_KEY_PASSWORD_FILE", "password")
    monkeypatch.setenv("S3_PRESIGNED", "no")
    monkeypatch.setenv("SHUTDOWN_TIMEOUT_S", "0.5")
    monkeypatch.setenv("RETENTION_ORIGINAL", "90m")
    monkeypatch.setenv("RETENTION_TENANTS", '{"acme": {"original": "0", "result": null}}')
    loaded = load_settings()

    environment = environment_of(loaded)
    forget(monkeypatch)
    for name in variables() & environment.keys():
        monkeypatch.setenv(name, environment[name])

    assert load_settings().settings == loaded.settings


def test_a_secret_in_a_file_does_not_come_back(tmp_path, monkeypatch):
    (tmp_path / "url").write_text("mysql://somebody:secret-of-theirs@host/photos")
    monkeypatch.setenv("DATABASE_URL_FILE", "url")

    assert "DATABASE_URL_FILE" not in environment_of(load_settings())


def test_a_process_that_ends_at_once_is_told_with_its_last_words(tmp_path):
    environment = environment_of(load_settings(), MAX_PIXELS="none")

    with (
        pytest.raises(MeasurementError, match=r"serve did not get ready: .*MAX_PIXELS"),
        Program(["serve", "--port", "0"], tmp_path / "service", environment),
    ):
        pass


def test_a_process_is_counted_with_its_children():
    child = "import time; sum(range(3_000_000)); print('done', flush=True); time.sleep(60)"
    parent = (
        f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {child!r}]); "
        "sys.stdin.read(); child.kill(); child.wait()"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    assert process.stdout.readline() == b"done\n"
    try:
        pids = family(process.pid)
        assert len(pids) == 2
        assert core_seconds(pids) > core_seconds([process.pid]) > 0
        assert memory(pids).peak > memory([process.pid]).peak > 2**20
        assert 0 < memory(pids).proportional <= memory(pids).peak
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
    assert core_seconds(pids) == 0
    assert memory(pids).peak == 0


def test_a_process_that_does_not_want_to_end_is_killed(monkeypatch):
    monkeypatch.setattr("streetveil.bench.processes._END_S", 0.2)
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()

    end(process)

    assert process.returncode == -9
    process.stdout.close()


def test_a_signal_waits_until_a_process_that_is_being_started_is_known():
    log = []
    before = signal.signal(signal.SIGTERM, lambda *_: log.append("handled"))
    try:
        with undisturbed():
            signal.raise_signal(signal.SIGTERM)
            log.append("started")
    finally:
        signal.signal(signal.SIGTERM, before)

    assert log == ["started", "handled"]
