"""POST /upload and POST /batch-upload where all goes well, and what they pass on."""

import hashlib
from dataclasses import replace
from uuid import UUID

import pytest

from streetveil.domain.detections import Label
from streetveil.domain.options import MetadataPolicy, Profile, Style
from streetveil.errors import DatabaseUnavailableError


def test_a_photo_is_accepted_and_named_as_the_contract_says(client, photo):
    response = client.post("/upload", files={"file": ("street.jpg", photo, "image/jpeg")})

    assert response.status_code == 202
    body = response.json()
    assert UUID(body.pop("job_id")).version == 7
    assert body == {
        "filename": "street.jpg",
        "file_size": len(photo),
        "status": "submitted",
        "message": "Image submitted for processing",
    }
    assert client.get(response.headers["Location"]).status_code == 200


def test_the_bytes_and_their_digest_arrive_unchanged(client, world, photo, upload):
    content = photo + bytes(range(256)) * 8000  # crosses from memory to disk
    job = world.jobs[upload(content=content)]

    assert world.originals[job.id] == content
    assert job.content_sha256 == hashlib.sha256(content).hexdigest()
    assert job.file_size == len(content)
    assert (job.width, job.height, job.media_type) == (64, 48, "image/jpeg")


def test_options_are_those_of_the_form_over_those_of_the_service(world, upload):
    options = world.jobs[
        upload(classes="face", profile="accurate", metadata="keep", car_confidence="0.75", plate_confidence="")
    ].options

    assert options.classes == {Label.FACE}
    assert (options.profile, options.metadata) == (Profile.ACCURATE, MetadataPolicy.KEEP)
    assert (options.car_confidence, options.plate_confidence) == (0.75, None)
    assert (options.style, options.face_confidence) == (Style.PIXELATE, 0.3)  # the service's defaults


def test_options_may_stand_after_the_file_and_classes_may_be_repeated(client, world, photo):
    parts = [("file", ("a.jpg", photo)), ("classes", (None, "face")), ("classes", (None, "license_plate"))]
    job_id = client.post("/upload", files=[*parts, ("style", (None, "solid"))]).json()["job_id"]

    assert world.jobs[job_id].options.classes == {Label.FACE, Label.LICENSE_PLATE}
    assert world.jobs[job_id].options.style is Style.SOLID


def test_the_name_and_declared_type_of_a_file_are_not_believed(client, world, photo):
    job_id = client.post("/upload", files={"file": ("notes.txt", photo, "text/plain")}).json()["job_id"]

    assert world.jobs[job_id].media_type == "image/jpeg"


def test_a_repeated_request_with_the_same_key_gets_the_same_job(client, world, photo):
    headers = {"Idempotency-Key": "k-1"}
    first = client.post("/upload", files={"file": ("a.jpg", photo)}, headers=headers).json()
    world.complete(first["job_id"])
    again = client.post("/upload", files={"file": ("a.jpg", photo)}, headers=headers)

    assert again.status_code == 202
    assert again.json() == {**first, "status": "completed"}


def test_the_same_key_with_another_file_is_a_conflict(client, photo):
    headers = {"Idempotency-Key": "k-1"}
    client.post("/upload", files={"file": ("a.jpg", photo)}, headers=headers)
    response = client.post("/upload", files={"file": ("a.jpg", photo + b"x")}, headers=headers)

    assert (response.status_code, response.json()["code"]) == (409, "idempotency_conflict")


def test_a_key_that_is_too_long_or_has_spaces_is_refused(client, photo):
    for key in ("x" * 201, "two words", ""):
        response = client.post("/upload", files={"file": ("a.jpg", photo)}, headers={"Idempotency-Key": key})
        assert (response.status_code, response.json()["code"]) == (400, "malformed_request"), key


@pytest.fixture(params=[False, True], ids=["queue elsewhere", "queue here"])
def queue(request, service):
    """The queue in another process and in this one."""
    before = service.app.state.streetveil
    services = replace(before.services, queue_is_here=request.param)
    service.app.state.streetveil = replace(before, services=services)
    yield
    service.app.state.streetveil = before


@pytest.mark.usefixtures("queue")
def test_a_full_queue_refuses_with_the_time_to_wait(client, world, photo):
    world.full = True
    for path, name in (("/upload", "file"), ("/batch-upload", "files")):
        response = client.post(path, files={name: ("a.jpg", photo)})
        assert (response.status_code, response.json()["code"]) == (429, "queue_full")
        assert response.headers["Retry-After"] == "7"
        assert response.json()["retryable"] is True


@pytest.mark.usefixtures("queue")
def test_a_request_that_repeats_an_accepted_one_is_answered_though_the_queue_is_full(client, world, photo):
    headers = {"Idempotency-Key": "k-1"}
    first = client.post("/upload", files={"file": ("a.jpg", photo)}, headers=headers).json()
    world.full = True
    again = client.post("/upload", files={"file": ("a.jpg", photo)}, headers=headers)

    assert (again.status_code, again.json()) == (202, first)


def test_a_dependency_that_is_down_is_a_503_with_the_time_to_wait(client, world, photo):
    world.error = DatabaseUnavailableError("The database cannot be reached.")
    response = client.post("/upload", files={"file": ("a.jpg", photo)})

    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert int(response.headers["Retry-After"]) > 0


def test_in_a_batch_a_bad_file_fails_alone(client, world, photo):
    files = [("good-1.jpg", photo), ("notes.jpg", b"Dear diary, " * 100_000), ("empty.jpg", b""), ("good-2.jpg", photo)]
    response = client.post("/batch-upload", files=[("files", item) for item in files], data={"style": "solid"})

    assert response.status_code == 202
    body = response.json()
    assert (body["total_files"], body["accepted"], body["rejected"]) == (4, 2, 2)
    assert [job["filename"] for job in body["jobs"]] == [name for name, _ in files]
    assert [job.get("error", {}).get("code") for job in body["jobs"]] == [
        None,
        "unsupported_format",
        "empty_file",
        None,
    ]
    accepted = [job["job_id"] for job in body["jobs"] if "job_id" in job]
    assert world.batches[body["batch_id"]] == accepted
    assert all(world.originals[job_id] == photo for job_id in accepted)
    assert {world.jobs[job_id].options.style for job_id in accepted} == {Style.SOLID}


def test_a_batch_whose_files_are_all_refused_is_still_answered(client):
    body = client.post("/batch-upload", files=[("files", ("a.jpg", b"no"))]).json()

    assert (body["accepted"], body["rejected"]) == (0, 1)
    assert client.get(f"/batches/{body['batch_id']}").json()["total"] == 0


def test_jobs_accepted_before_a_crash_in_a_batch_are_not_lost(client, service, world, photo, monkeypatch):
    submit = type(service.app.state.streetveil.services.submit)
    original = submit.__call__

    def crash_on_second(self, upload, options, **keywords):
        if upload.filename == "2.jpg":
            raise RuntimeError("secret internals")
        return original(self, upload, options, **keywords)

    monkeypatch.setattr(submit, "__call__", crash_on_second)
    files = [("files", (f"{number}.jpg", photo)) for number in (1, 2, 3)]
    response = client.post("/batch-upload", files=files)

    assert [job.get("error", {}).get("code") for job in response.json()["jobs"]] == [None, "internal_error", None]
    assert "secret" not in response.text


def test_more_files_than_a_batch_may_have_refuse_it_whole(client, world, photo):
    response = client.post("/batch-upload", files=[("files", (f"{number}.jpg", photo)) for number in range(5)])

    assert (response.status_code, response.json()["code"]) == (400, "malformed_request")
    assert world.jobs == {}


def test_an_idempotency_key_on_a_batch_is_refused_rather_than_ignored(client, photo):
    response = client.post("/batch-upload", files={"files": ("a.jpg", photo)}, headers={"Idempotency-Key": "k"})

    assert (response.status_code, response.json()["code"]) == (400, "malformed_request")
