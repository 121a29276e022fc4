"""`streetveil bench` with the real models and real processes, as short as can be: figures are not judged here."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from tests.acceptance.conftest import wait_for

# By any of these the service that the bench starts would refuse its photos, lose their jobs, or not start.
GUARDED = {
    "AUTH_MODE": "jwt",
    "JWT_SECRET": "nobody-knows-this-nobody-knows-this",
    "HEALTH_ACCESS": "admin",
    "HOST": "192.0.2.1",
    "TLS_CERTIFICATE": "not-there.pem",
    "RATE_LIMIT": "1/day",
    "QUOTA_PHOTOS_PER_DAY": "1",
    "MAX_QUEUE_SIZE": "1",
    "RETENTION_RESULT": "0",
    "CROPS_KEYS_DIR": "not-there",
    "WEBHOOK_SECRET": "too short",
    "DATABASE_URL_FILE": "url",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://192.0.2.1:4318",
}


@pytest.fixture
def photos(small_photo, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(small_photo, folder)
    return folder


def test_the_job_and_the_service_are_measured_whatever_guards_the_users_own_service(streetveil, photos, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "url").write_text("mysql+pymysql://somebody:nobody-knows-this@192.0.2.1/photos")
    arguments = ["job", "service", "--images", photos, "--profile", "fast", "--threads", "1", "--rounds", "1"]
    arguments += ["--classes", "face"]

    run = streetveil("bench", *arguments, "--seconds", "1", "--json", "-", TMPDIR=str(scratch), **GUARDED)

    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    measured = {item["name"]: item for item in report["series"]}
    assert set(measured) == {"models alone", "decode", "redaction", "whole job", "service, embedded"}
    assert all(item["photos_per_s"]["median"] > 0 and item["photos"] > 0 for item in measured.values())
    assert {item["name"] for item in report["ratios"]} == {
        "whole job / models alone",
        "service, embedded / models alone",
    }
    assert report["photos"]["regions"] == [2]
    assert report["classes"] == ["face"]
    assert {run.partition("-")[0] for run in report["photos"]["model_runs"][0]} == {"centerface", "centernet"}
    [service] = report["services"]
    assert len(service["startup_s"]) == 1
    assert service["memory"]["service"]["peak_mb"] > 50
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_ends_it_finds_no_process_and_no_file_left(streetveil, photos, tmp_path, number):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    streetveil.environment = streetveil.environment | {"TMPDIR": str(scratch)}
    process = streetveil.start("bench", "service", "--images", photos, "--threads", "1", "--seconds", "600")
    wait_for(lambda: list(scratch.glob("*/*/log")), "a service is started")
    children = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]

    process.send_signal(number)

    assert process.wait(60) != 0
    process.stderr.close()
    assert children
    assert not any(os.path.exists(f"/proc/{pid}") for pid in children)  # noqa: PTH110
    assert list(scratch.iterdir()) == []
