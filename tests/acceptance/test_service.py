"""`streetveil serve` as its users and operators meet it: real HTTP, real models, real signals."""

import io
import json
import signal
import socket
import sqlite3
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from tests.acceptance.conftest import wait_for

from streetveil import bootstrap
from streetveil.domain.job import utc_now
from streetveil.settings import Settings


def encoded(kind, **options):
    image = Image.fromarray(np.random.default_rng(3).integers(0, 255, (48, 64, 3), np.uint8))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def animated(kind):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "green", "blue")]
    return encoded_frames(frames, kind)


def encoded_frames(frames, kind):
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:])
    return file.getvalue()


def bomb_png():
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def bomb_jpeg():
    frame = struct.pack(">BHHB", 8, 60_000, 60_000, 3) + b"\x01\x22\x00\x02\x11\x01\x03\x11\x01"
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xda"


def broken_png():
    data = bytearray(encoded("PNG"))
    data[data.index(b"IDAT") + 10] ^= 0xFF
    return bytes(data)


def exif_of_wrong_length():
    jpeg = encoded("JPEG")
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + b"\xff\xff" + b"\x01\x12\x00\x03\xff\xff\xff\xff\xff\xff\xff\xff"
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


@pytest.fixture
def nothing_left(service):
    """Whatever the test sends, no object, no spooled file and no job is left of it, and the service serves."""
    before = service.objects(), service.client.get("/stats").json()["jobs"]
    yield
    assert service.spool() == []
    assert (service.objects(), service.client.get("/stats").json()["jobs"]) == before
    assert service.client.get("/health/ready").status_code == 200


def test_a_photo_goes_in_and_comes_out_redacted(service, bus):
    submitted = service.upload(bus.read_bytes(), "bus.jpg")

    assert submitted.status_code == 202
    body = submitted.json()
    assert body == {
        "job_id": body["job_id"],
        "filename": "bus.jpg",
        "file_size": bus.stat().st_size,
        "status": "submitted",
        "message": "Image submitted for processing",
    }
    status = service.finished(body["job_id"])
    assert status["status"] == "completed"
    results = status["results"]
    assert results["blur_metadata"]["faces_blurred"] == 2
    assert [vehicle["class"] for vehicle in results["detection_metadata"]["vehicles"]] == ["bus"]
    assert results["original_image_path"].endswith(f"original/{body['job_id']}.jpg")
    assert results["processed_image_path"].endswith(f"processed/{body['job_id']}.jpg")

    image = service.client.get(f"/jobs/{body['job_id']}/image", params={"variant": "processed"})
    assert image.headers["Content-Type"] == "image/jpeg"
    before = np.asarray(Image.open(bus), int)
    after = np.asarray(Image.open(io.BytesIO(image.content)), int)
    for region in results["blur_metadata"]["regions"]:
        x1, y1, x2, y2 = map(round, region["box"])
        assert np.abs(before - after)[y1:y2, x1:x2].mean() > 3
    original = service.client.get(f"/jobs/{body['job_id']}/image", params={"variant": "original"})
    assert original.content == bus.read_bytes()
    assert service.spool() == []


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "empty_file"),
        (b"I am no photo.", 415, "unsupported_format"),
        (bomb_png(), 422, "too_many_pixels"),
        (bomb_jpeg(), 422, "too_many_pixels"),
        (animated("GIF"), 415, "unsupported_format"),
        (animated("PNG"), 415, "animated_image"),
        (animated("WEBP"), 415, "animated_image"),
        (animated("TIFF"), 415, "animated_image"),
    ],
    ids=["empty", "text", "png bomb", "jpeg bomb", "gif", "animated png", "animated webp", "pages of a tiff"],
)
def test_a_file_that_is_no_photo_is_refused(service, content, status, code):
    answer = service.upload(content)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"style": "mosaic"}, "invalid_option"),
        ({"classes": "dog"}, "invalid_option"),
        ({"face_confidence": "1.01"}, "invalid_option"),
        ({"plate_confidence": "-1"}, "invalid_option"),
        ({"car_confidence": "nan"}, "invalid_option"),
    ],
)
def test_an_option_that_is_not_allowed_is_refused(service, small_photo, fields, code):
    answer = service.upload(small_photo.read_bytes(), **fields)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    ("name", "code"),
    [("a" * 10_000 + ".jpg", "invalid_filename"), ("../../etc/passwd.jpg", "invalid_filename")],
    ids=["10,000 characters", "path traversal"],
)
def test_a_hostile_file_name_is_refused(service, small_photo, name, code):
    answer = service.upload(small_photo.read_bytes(), name)

    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.usefixtures("nothing_left")
def test_a_missing_or_empty_field_is_refused(service):
    missing = service.client.post("/upload", files={"style": (None, "solid")})
    nothing = service.client.post("/upload")

    assert (missing.status_code, missing.json()["code"]) == (400, "missing_field")
    assert (nothing.status_code, nothing.json()["code"]) == (400, "malformed_request")


@pytest.mark.parametrize(
    "content", [lambda bus: bus[:60_000], lambda _: broken_png()], ids=["truncated jpeg", "png with broken chunks"]
)
def test_a_photo_that_proves_broken_fails_with_a_code_and_without_a_result(service, bus, content):
    """Its header is good: some are refused at once, some when they are decoded; never is there a result."""
    answer = service.upload(content(bus.read_bytes()))

    if answer.status_code != 202:
        assert (answer.status_code, answer.json()["code"]) == (422, "undecodable_image")
        return
    job_id = answer.json()["job_id"]
    status = service.finished(job_id)
    assert (status["status"], status["error"]["code"]) == ("failed", "undecodable_image")
    assert status["results"] is None
    image = service.client.get(f"/jobs/{job_id}/image")
    assert (image.status_code, image.json()["code"]) == (409, "result_not_ready")
    assert [name.partition("/")[0] for name in service.objects() if job_id in name] == ["original"]


def test_the_content_counts_and_not_the_name(service):
    job_id = service.submit(encoded("PNG"), name="photo.jpg")

    assert service.finished(job_id)["status"] == "completed"
    image = service.client.get(f"/jobs/{job_id}/image")
    assert image.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(image.content)).format == "PNG"


def test_exif_that_lies_about_its_length_hurts_nobody(service):
    job_id = service.submit(exif_of_wrong_length())

    assert service.finished(job_id)["status"] == "completed"
    image = service.client.get(f"/jobs/{job_id}/image").content
    assert b"Exif" not in image


def test_a_batch_takes_the_good_and_tells_of_the_bad(service, small_photo):
    files = [
        ("files", ("good.jpg", small_photo.read_bytes())),
        ("files", ("bad.jpg", b"text")),
        ("files", ("also-good.png", encoded("PNG"))),
    ]

    answer = service.client.post("/batch-upload", files=files, data={"profile": "fast"})

    assert answer.status_code == 202
    body = answer.json()
    assert (body["total_files"], body["accepted"], body["rejected"]) == (3, 2, 1)
    assert body["jobs"][1]["error"]["code"] == "unsupported_format"
    for job in (body["jobs"][0], body["jobs"][2]):
        assert service.finished(job["job_id"])["status"] == "completed"
    batch = service.client.get(f"/batches/{body['batch_id']}").json()
    assert "completed" in json.dumps(batch)
    assert service.spool() == []


@pytest.mark.usefixtures("nothing_left")
def test_a_batch_of_too_many_files_is_refused_whole(service, small_photo):
    files = [("files", (f"{number}.jpg", small_photo.read_bytes())) for number in range(5)]

    answer = service.client.post("/batch-upload", files=files)

    assert answer.status_code in {400, 413}
    assert answer.json()["code"]


def test_the_same_request_twice_is_one_job(service, small_photo):
    key = {"Idempotency-Key": "once-only"}
    data = small_photo.read_bytes()

    first, second = (service.upload(data, headers=key, profile="fast") for _ in range(2))
    other = service.upload(data, headers=key, profile="balanced")

    assert first.json()["job_id"] == second.json()["job_id"]
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    job_id = first.json()["job_id"]
    assert service.finished(job_id)["status"] == "completed"
    assert sum(job_id in name for name in service.objects()) == 3


def test_an_erased_job_is_gone_with_all_its_files(service, small_photo):
    job_id = service.submit(small_photo.read_bytes(), profile="fast")
    service.finished(job_id)

    assert service.client.delete(f"/jobs/{job_id}").status_code == 204

    assert [name for name in service.objects() if job_id in name] == []
    for path in (f"/status/{job_id}", f"/jobs/{job_id}/image"):
        answer = service.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert service.client.delete(f"/jobs/{job_id}").status_code == 404


def test_a_failed_job_can_be_retried_and_a_completed_one_cannot(service, small_photo, bus):
    good = service.submit(small_photo.read_bytes(), profile="fast")
    bad = service.submit(bus.read_bytes()[:60_000])
    assert service.finished(good)["status"] == "completed"
    assert service.finished(bad)["status"] == "failed"

    refused = service.client.post(f"/jobs/{good}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "illegal_transition")
    again = service.client.post(f"/jobs/{bad}/retry")
    assert (again.status_code, again.json()["status"]) == (202, "submitted")
    assert service.finished(bad)["status"] == "failed"


def test_a_photo_is_redacted_while_the_client_waits(service, small_photo):
    answer = service.client.post(
        "/redact", files={"file": ("a.jpg", small_photo.read_bytes())}, data={"style": "solid"}
    )

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/jpeg"
    before = np.asarray(Image.open(small_photo), int)
    after = np.asarray(Image.open(io.BytesIO(answer.content)), int)
    assert (np.abs(before - after).max(axis=2) > 30).mean() > 0.02
    assert service.spool() == []


def submit_many(service, photo, number):
    return [service.submit(photo, profile="fast", classes="face") for _ in range(number)]


def statuses(service, jobs):
    return [service.status(job)["status"] for job in jobs]


def rows(data_dir):
    """Statuses by job as the database has them, read without the service."""
    with sqlite3.connect(f"file:{data_dir}/streetveil.db?mode=ro", uri=True) as connection:
        return dict(connection.execute("SELECT id, status FROM processed_images"))


def test_a_killed_service_finishes_every_job_once_after_its_next_start(start_service, tmp_path, small_photo):
    data_dir = tmp_path / "data"
    service = start_service(data_dir, NUM_WORKERS="2")
    jobs = submit_many(service, small_photo.read_bytes(), 12)
    wait_for(lambda: "completed" in statuses(service, jobs), "one job is completed")
    (data_dir / "incoming" / "half-an-upload").write_bytes(b"left by a kill")
    service.stop(signal.SIGKILL)

    service = start_service(data_dir, NUM_WORKERS="2", MAINTAIN_INTERVAL_S="600")

    assert {service.finished(job)["status"] for job in jobs} == {"completed"}
    for job in jobs:
        assert Image.open(io.BytesIO(service.client.get(f"/jobs/{job}/image").content)).size == (640, 360)
    assert service.spool() == []
    assert service.client.get("/queue-status").json()["queue_depth"] == 0
    assert service.stop() == 0
    # A result that was half stored when the kill came belongs to no job, and goes once it is old enough.
    with bootstrap.open_for_operators(Settings.model_validate({"data_dir": data_dir})) as services:
        services.maintain.remove_orphans(utc_now())
    stored = service.objects()
    for job in jobs:
        kinds = sorted(name.partition("/")[0] for name in stored if job in name)
        assert kinds == ["metadata", "original", "processed"]
    assert len(stored) == 3 * len(jobs)


def test_sigterm_finishes_running_jobs_and_leaves_the_rest_for_the_next_start(start_service, tmp_path, small_photo):
    data_dir = tmp_path / "data"
    service = start_service(data_dir, NUM_WORKERS="1")
    jobs = [service.submit(small_photo.read_bytes(), profile="accurate") for _ in range(3)]
    wait_for(lambda: service.status(jobs[0])["status"] != "submitted", "a job is in work")

    assert service.stop() == 0
    assert [line["drained"] for line in service.log() if line["event"] == "worker_stopped"] == [True]
    left = rows(data_dir)
    assert set(left) == set(jobs)
    assert set(left.values()) <= {"completed", "submitted"}

    service = start_service(data_dir, NUM_WORKERS="1")
    assert {service.finished(job)["status"] for job in jobs} == {"completed"}
    assert len(service.objects()) == 3 * len(jobs)
    assert service.stop() == 0


def test_a_full_queue_refuses_with_when_to_come_back(start_service, tmp_path, small_photo):
    service = start_service(tmp_path / "data", NUM_WORKERS="1", MAX_QUEUE_SIZE="1")
    photo = small_photo.read_bytes()
    answers = [service.upload(photo, profile="accurate") for _ in range(6)]

    accepted = [answer.json()["job_id"] for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code != 202]
    assert accepted
    assert refused
    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
        assert int(answer.headers["Retry-After"]) >= 1
    assert {service.finished(job)["status"] for job in accepted} == {"completed"}
    assert service.upload(photo, profile="fast").status_code == 202
    assert service.stop() == 0


def test_a_second_service_on_the_same_data_is_refused(streetveil, service):
    result = streetveil("serve", "--port", "0", "--data-dir", service.data_dir)

    assert result.returncode == 3
    assert "error (data_directory_busy): Another embedded service works in" in result.stderr
    assert "Traceback" not in result.stderr
    assert service.client.get("/health/ready").status_code == 200


def test_a_taken_port_is_told_at_once(streetveil, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = streetveil("serve", "--port", port, "--data-dir", "data")

    assert result.returncode == 3
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_a_service_without_models_is_told_how_to_get_them(streetveil, tmp_path):
    result = streetveil("serve", "--port", "0", "--data-dir", "data", STREETVEIL_CACHE=str(tmp_path / "empty"))

    assert result.returncode == 3
    assert "error (model_missing): " in result.stderr
    assert "Traceback" not in result.stderr
