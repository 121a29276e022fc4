"""One line per job that leads to its request and tenant; never a photo's name, nor a caller's token, key or address."""

import io
import json
import logging
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from PIL import Image

from streetveil.access.issue import TokenIssuer
from streetveil.access.keys import OneKey, shared_secret
from streetveil.access.tokens import JwtAuthenticator
from streetveil.api.access import AccessPolicy
from streetveil.domain.access import DEFAULT_TENANT, Principal, Scope
from streetveil.observability.logs import configure_logging

SECRET = "0123456789abcdef0123456789abcdef"
NAME = "Muster-Familie-Strandurlaub.jpg"
KEY = "idempotency-of-family-Muster"


@pytest.fixture
def lines():
    """All that is logged, at the lowest level."""
    stream = io.StringIO()
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    configure_logging("DEBUG", "json", stream)
    yield stream
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


def photo(width=160):
    stream = io.BytesIO()
    Image.new("RGB", (width, 120), (90, 120, 150)).save(stream, "JPEG")
    return stream.getvalue()


def test_no_log_line_has_a_name_a_token_or_a_key(open_embedded, tmp_path, lines):
    principal = Principal("ann", DEFAULT_TENANT, frozenset({Scope.ADMIN}))
    token = TokenIssuer.with_secret(SECRET).token(principal, now=datetime.now(UTC), lifetime=timedelta(hours=1))
    access = AccessPolicy(authenticate=JwtAuthenticator(OneKey(shared_secret(SECRET))))
    with open_embedded(tmp_path / "data", access=access) as service:
        service.client.headers["Authorization"] = f"Bearer {token}"
        service.client.headers["Idempotency-Key"] = KEY
        good = service.upload(photo(), NAME)
        service.finished(good)
        conflict = service.client.post("/upload", files={"file": (NAME, photo(170))})
        assert conflict.status_code == 409
        del service.client.headers["Idempotency-Key"]
        broken = service.upload(photo()[:-20], NAME)
        service.finished(broken)
        assert service.client.post("/upload", files={"file": (NAME, b"no photo")}).status_code == 415
        assert service.client.post("/upload", files={"file": (f"../{NAME}", photo())}).status_code in {202, 400}
        assert service.client.post("/batch-upload", files=[("files", (NAME, b"")), ("files", (NAME, photo()))])
        assert service.client.post("/redact", files={"file": (NAME, photo())}).is_success
        for address in (f"/jobs/{good}/image", f"/jobs/{good}/image?variant=original", f"/jobs/{good}/regions"):
            assert service.client.get(address).is_success
        assert service.client.get("/jobs").is_success
        with closing(sqlite3.connect(tmp_path / "data" / "streetveil.db")) as connection, connection:
            connection.execute("UPDATE processed_images SET options = '{' WHERE id = ?", [broken])
        assert service.client.get(f"/status/{broken}").status_code == 500
        assert service.client.delete(f"/jobs/{good}").is_success
        for address in (f"/status/{NAME}", f"/jobs/{token}/image", f"/{NAME}", f"/jobs/?name={NAME}", f"/blur/{token}"):
            assert service.client.get(address).status_code in {404, 307}
        assert service.client.request(f"MUSTER-{KEY}", "/jobs").status_code == 405
        service.client.headers["Authorization"] = f"Bearer {token}x"
        assert service.client.get("/jobs").status_code == 401
    # The client of this test logs too, and headers at that.
    ours = [line for line in lines.getvalue().splitlines() if not json.loads(line)["logger"].startswith("http")]
    logged = "\n".join(ours)
    assert good in logged
    assert "request_crashed" in logged or "request_failed" in logged
    for secret in ("Muster", "MUSTER", "Strandurlaub", token, token.split(".")[2], SECRET):
        assert secret not in logged


def test_each_job_has_one_line_at_info_whoever_handed_it_in(open_embedded, tmp_path, lines):
    with open_embedded(tmp_path / "data") as service:
        jobs = {}
        for name, content in (("good", photo()), ("broken", photo()[:-20])):
            answer = service.client.post(
                "/upload", files={"file": (NAME, content)}, headers={"X-Request-ID": f"r-{name}"}
            )
            jobs[name] = answer.json()["job_id"]
            service.finished(jobs[name])
        batch = service.client.post(
            "/batch-upload", files=[("files", (NAME, photo(200)))], headers={"X-Request-ID": "r-batch"}
        )
        jobs["batch"] = batch.json()["jobs"][0]["job_id"]
        service.finished(jobs["batch"])
        assert service.client.delete(f"/jobs/{jobs['good']}").is_success
    logged = [json.loads(line) for line in lines.getvalue().splitlines()]
    for name, job_id in jobs.items():
        about = [line for line in logged if line.get("job_id") == job_id]
        [told] = [line for line in about if line["level"] != "debug"]
        assert told["level"] == "info"
        assert told["event"] == ("job_failed" if name == "broken" else "job_completed")
        assert (told["request_id"], told["tenant"]) == (f"r-{name}", DEFAULT_TENANT)
        at_work = [line for line in about if line["logger"] == "streetveil.jobs.process"]
        assert all(line["request_id"] == f"r-{name}" for line in at_work)
    assert told["seconds"] >= told["processing_time"] > 0
    [failed] = [line for line in logged if line["event"] == "job_failed"]
    assert failed["code"] == "undecodable_image"
    assert failed["seconds"] > 0


def test_a_job_that_another_process_finishes_belongs_to_the_same_request(open_embedded, tmp_path, lines):
    with open_embedded(tmp_path / "data") as service:
        answer = service.client.post("/upload", files={"file": (NAME, photo())}, headers={"X-Request-ID": "r-first"})
        job_id = answer.json()["job_id"]
        service.finished(job_id)
    with closing(sqlite3.connect(tmp_path / "data" / "streetveil.db")) as connection, connection:
        # As a process leaves it that is killed; the queue goes with it.
        connection.execute(
            "UPDATE processed_images SET status = 'processing', processed_key = NULL, due_at = created_at"
        )
    with open_embedded(tmp_path / "data") as service:
        service.finished(job_id)
    ends = [line for line in map(json.loads, lines.getvalue().splitlines()) if line["event"] == "job_completed"]
    assert [(line["job_id"], line["request_id"], line["attempt"]) for line in ends] == [
        (job_id, "r-first", 1),
        (job_id, "r-first", 2),
    ]
