"""load-tests/load_test.py and load-test.js against a service that only answers: what is counted, and the exit codes."""

import importlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

K6 = Path(sys.executable).parent / "k6"


@pytest.fixture
def run(load_tests, service, photos, tmp_path, monkeypatch):
    """Runs load_test.py; the exit code, and the figures of each scenario."""

    def run(*arguments):
        figures = tmp_path / "figures.json"
        command = ["load_test.py", "--url", service.url, "--photos", str(photos), "--json", str(figures), *arguments]
        monkeypatch.setattr(sys, "argv", command)
        code = importlib.import_module("load_test").main()
        return code, json.loads(figures.read_text()) if figures.exists() else None

    return run


@pytest.fixture
def k6(load_tests, service, photos):
    """Runs load-test.js; the finished process."""

    def run(**environment):
        command = [K6, "run", "--no-usage-report", "--quiet", load_tests / "load-test.js"]
        settings = {"BASE_URL": service.url, "PHOTOS": str(photos), "SCENARIO": "steady", "DURATION": "1s"}
        return subprocess.run(
            command, env={**os.environ, **settings, **environment}, capture_output=True, text=True, check=False
        )

    return run


def assert_all_different_photos(files, count):
    assert len(set(files)) == len(files) == count
    for file in files:
        with Image.open(io.BytesIO(file)) as opened:
            opened.load()
            assert opened.size == (32, 24)


def test_every_photo_is_sent_once_and_followed_to_its_end(run, service):
    code, [figures] = run("--scenario", "steady", "--rate", "10", "--duration", "1", "--token", "secret")

    assert code == 0
    assert (figures["accepted"], figures["completed"], figures["lost"]) == (10, 10, 0)
    assert_all_different_photos(service.photos, 10)
    assert service.tokens == {"Bearer secret"}


def test_refusals_are_no_failure(run, service):
    service.room = 4

    code, [figures] = run("--scenario", "steady", "--rate", "10", "--duration", "1")

    assert (code, figures["completed"], figures["refused_429"]) == (0, 4, 6)


@pytest.mark.parametrize(
    ("change", "arguments", "count"),
    [
        ({"ends": "failed"}, [], "failed"),
        ({"ends": "processing"}, ["--follow", "0.5"], "lost"),
        ({"status": 500}, [], "unexpected_answers"),
    ],
)
def test_a_photo_that_does_not_complete_makes_the_exit_code_1(run, service, change, arguments, count):
    vars(service).update(change)

    code, [figures] = run("--scenario", "steady", "--rate", "4", "--duration", "0.5", *arguments)

    assert (code, figures[count], figures["completed"]) == (1, 2, 0)
    assert figures["thresholds"][f"{count} == 0"] is False


def test_a_service_that_is_not_there_makes_the_exit_code_2(run, capsys):
    code, figures = run("--url", "http://127.0.0.1:1")

    assert (code, figures) == (2, None)
    assert "Cannot start: ConnectionRefusedError" in capsys.readouterr().err


def test_a_service_that_has_just_started_is_not_measured_as_faster(run, service):
    service.start_s = 1.2

    _, [figures] = run("--scenario", "steady", "--rate", "4", "--duration", "0.5")

    assert figures["end_to_end_seconds"]["median"] > 0.5  # each job ends when it is asked for the second time


@pytest.mark.parametrize("arguments", [["--scenario", "smok"], ["--url", "localhost:8000"]])
def test_wrong_usage_makes_the_exit_code_2(run, arguments):
    assert run(*arguments)[0] == 2


def test_a_spike_rises_to_its_peak_and_falls(load_tests):
    scenarios = importlib.import_module("load_scenarios").scenarios
    [spike] = scenarios(["spike"], 30, 100, 60)

    due = list(spike.arrivals())

    assert due == sorted(due)
    assert sum(time < 5 for time in due) == 25
    assert sum(7 <= time < 67 for time in due) == pytest.approx(6000, abs=1)
    assert sum(time >= 69 for time in due) == pytest.approx(25, abs=1)


def test_made_photos_differ_and_the_same_seed_makes_them_again(load_tests, photos, tmp_path, monkeypatch):
    make_photos = importlib.import_module("make_photos")
    monkeypatch.setattr(make_photos, "WIDTH", 64)
    monkeypatch.setattr(make_photos, "HEIGHT", 36)

    first = make_photos.write_photos(make_photos.photos_in(photos), tmp_path / "one", 4)
    again = make_photos.write_photos(make_photos.photos_in(photos), tmp_path / "two", 4)

    files = [path.read_bytes() for path in first]
    assert len(set(files)) == 4
    assert files == [path.read_bytes() for path in again]
    assert json.loads((tmp_path / "one/index.json").read_text()) == [path.name for path in first]


def test_k6_sends_every_photo_once_and_follows_it_to_its_end(k6, service):
    done = k6(RATE="8", TOKEN="secret")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    assert_all_different_photos(service.photos, len(service.photos))
    assert 8 <= len(service.photos) <= 9
    assert service.tokens == {"Bearer secret"}


def test_k6_does_not_measure_a_service_that_has_just_started_as_faster(k6, service):
    service.start_s = 1.2

    done = k6(RATE="4")

    [fastest] = re.findall(r"end_to_end_seconds\.+: min=([\d.]+)", done.stdout)
    assert float(fastest) > 0.5


def test_k6_has_a_user_for_each_photo_before_it_is_due(load_tests, photos):
    environment = {**os.environ, "PHOTOS": str(photos), "SCENARIO": "smoke,steady,spike,soak", "DURATION": "4s"}
    command = [K6, "inspect", "--include-system-env-vars", load_tests / "load-test.js"]
    read = subprocess.run(command, env=environment, capture_output=True, check=True)

    users = {name: shape["preAllocatedVUs"] for name, shape in json.loads(read.stdout)["scenarios"].items()}
    assert users.keys() == {"smoke", "steady", "spike", "soak"}
    assert users["smoke"] > 5
    assert users["steady"] == users["soak"] > 4 * 30
    assert users["spike"] > 5 * 5 + 4 * 100


def test_k6_counts_each_photo_that_is_not_done_in_time_as_lost(k6, service):
    service.ends = "processing"

    done = k6(RATE="5", FOLLOW="1")

    assert done.returncode == 99
    assert f"lost\n    ✗ 'count==0' count={len(service.photos)}" in done.stdout


def test_k6_ends_with_99_where_photos_fail(k6, service):
    service.ends = "failed"
    service.room = 3

    done = k6(RATE="5")

    assert done.returncode == 99, done.stdout + done.stderr
    assert "✗ 'count==0' count=3" in done.stdout
    assert "refused_429" in done.stdout
