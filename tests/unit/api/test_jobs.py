"""Following jobs, their images, retry and erasure."""

from datetime import UTC, datetime

import pytest

from streetveil.domain.job import JobStatus
from streetveil.errors import DatabaseUnavailableError, ObjectMissingError

UNKNOWN = "01999999-0000-7000-8000-000000000000"


def test_a_submitted_job_has_no_results_yet(client, upload):
    job_id = upload()
    body = client.get(f"/status/{job_id}").json()

    assert body == {"job_id": job_id, "status": "submitted", "updated_at": 1789996271.53, "results": None}


def test_a_completed_job_tells_what_was_found(client, world, upload):
    job_id = upload()
    world.complete(job_id)
    body = client.get(f"/status/{job_id}").json()

    assert body["status"] == "completed"
    assert body["results"] == {
        "original_image_path": "s3://bucket/original/x.jpg",
        "processed_image_path": "s3://bucket/processed/x.jpg",
        "processing_time": 0.42,
        "blur_metadata": world.jobs[job_id].result.blur_metadata,
        "detection_metadata": world.jobs[job_id].result.detection_metadata,
    }
    assert "error" not in body


def test_a_failed_job_tells_why(client, world, upload):
    job_id = upload()
    world.fail(job_id)
    body = client.get(f"/status/{job_id}").json()

    assert (body["status"], body["results"]) == ("failed", None)
    assert body["error"] == {"code": "undecodable_image", "detail": "The picture ends early.", "attempts": 3}


@pytest.mark.parametrize("job_id", [UNKNOWN, "no-uuid", "1", "%00", "x" * 1000, "{" + UNKNOWN + "}"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/status/{}"),
        ("GET", "/jobs/{}/image"),
        ("HEAD", "/jobs/{}/image"),
        ("POST", "/jobs/{}/retry"),
        ("POST", "/jobs/{}/release"),
        ("DELETE", "/jobs/{}"),
    ],
)
def test_an_unknown_or_impossible_id_is_a_404(client, method, path, job_id):
    response = client.request(method, path.format(job_id))

    assert response.status_code == 404
    if method != "HEAD":
        assert response.json()["code"] == "job_not_found"


def test_an_unknown_batch_is_a_404(client):
    for batch_id in (UNKNOWN, "no-uuid"):
        response = client.get(f"/batches/{batch_id}")
        assert (response.status_code, response.json()["code"]) == (404, "batch_not_found")


def test_a_batch_counts_its_jobs(client, world, photo):
    batch = client.post("/batch-upload", files=[("files", (f"{number}.jpg", photo)) for number in range(3)]).json()
    world.complete(batch["jobs"][0]["job_id"])
    body = client.get(f"/batches/{batch['batch_id']}").json()

    assert body["total"] == 3
    assert body["counts"] == {"submitted": 2, "processing": 0, "completed": 1, "needs_review": 0, "failed": 0}
    assert [job["filename"] for job in body["jobs"]] == ["0.jpg", "1.jpg", "2.jpg"]
    assert [job["is_vehicle_detected"] for job in body["jobs"]] == [True, None, None]
    assert body["jobs"][0]["is_plate_blurred"] is False


def test_pages_hold_every_job_once_also_while_jobs_are_added(client, upload):
    ids = [upload() for _ in range(5)]
    first = client.get("/jobs", params={"limit": 2}).json()
    upload()
    second = client.get("/jobs", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    third = client.get("/jobs", params={"limit": 2, "cursor": second["next_cursor"]}).json()

    seen = [job["job_id"] for page in (first, second, third) for job in page["jobs"]]
    assert seen == sorted(ids, reverse=True)
    assert third["next_cursor"] is None


def test_filters_reach_the_query(client, world):
    client.get(
        "/jobs",
        params={
            "status": "failed",
            "is_face_blurred": "true",
            "is_plate_blurred": "false",
            "since": "2026-01-01T00:00:00+02:00",
            "until": "2026-01-02T00:00:00",
        },
    ).raise_for_status()
    [(wanted, after, limit)] = world.pages

    assert (wanted.status, wanted.is_face_blurred, wanted.is_plate_blurred) == (JobStatus.FAILED, True, False)
    assert (wanted.is_face_detected, wanted.is_vehicle_detected) == (None, None)
    assert wanted.since == datetime(2025, 12, 31, 22, tzinfo=UTC)
    assert wanted.until == datetime(2026, 1, 2, tzinfo=UTC)  # no zone: UTC
    assert (after, limit) == (None, 50)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=many",
        "status=erased",
        "status=unknown",
        "is_face_detected=perhaps",
        "since=yesterday",
        "since=2026",
        "until=0.5",
        "until=1e9",
        "since=0001-01-01T00:00:00%2B14:00",
        "cursor=abc",
        "cursor=%F0%9F%98%80",
        "cursor=" + "A" * 100,
        "colour=red",
    ],
)
def test_a_query_that_cannot_be_used_is_refused(client, query):
    response = client.get(f"/jobs?{query}")

    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")


def test_a_day_is_a_time_too(client, world):
    client.get("/jobs", params={"since": "2026-02-03"}).raise_for_status()

    assert world.pages[0][0].since == datetime(2026, 2, 3, tzinfo=UTC)


def test_the_image_is_the_redacted_one_unless_asked_otherwise(client, world, photo, upload):
    job_id = upload("Straße.jpg")
    world.complete(job_id)
    processed = client.get(f"/jobs/{job_id}/image")
    original = client.get(f"/jobs/{job_id}/image", params={"variant": "original"})

    assert (processed.content, original.content) == (b"redacted", photo)
    for response in (processed, original):
        assert response.headers["Content-Type"] == "image/jpeg"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"].startswith("private")
    disposition = original.headers["Content-Disposition"]
    assert disposition == "inline; filename=\"Stra_e.jpg\"; filename*=UTF-8''Stra%C3%9Fe.jpg"


def test_the_original_never_stands_in_for_a_result_that_is_not_there(client, upload):
    response = client.get(f"/jobs/{upload()}/image")

    assert (response.status_code, response.json()["code"]) == (409, "result_not_ready")


def test_head_answers_like_get_without_the_image(client, world, upload):
    job_id = upload()
    assert client.head(f"/jobs/{job_id}/image").status_code == 409
    world.complete(job_id)
    response = client.head(f"/jobs/{job_id}/image")

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Type"] == "image/jpeg"
    assert "filename" in response.headers["Content-Disposition"]
    assert "Content-Length" not in response.headers  # 0 would be a picture without bytes


def test_an_image_that_storage_can_link_to_is_a_redirect(client, world, upload):
    job_id = upload()
    world.complete(job_id)
    world.presigned = "https://storage.example.org/processed/x.jpg?signature=abc"
    response = client.get(f"/jobs/{job_id}/image")

    assert response.status_code == 307
    assert response.headers["Location"] == world.presigned
    assert "no-store" in response.headers["Cache-Control"]


def test_an_unknown_variant_is_refused(client, upload):
    response = client.get(f"/jobs/{upload()}/image", params={"variant": "thumbnail"})

    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")


def test_what_storage_lost_is_an_error_that_tells_no_internals(client, world, upload):
    job_id = upload()
    world.error = ObjectMissingError("/var/lib/secret/place is gone.")
    response = client.get(f"/jobs/{job_id}/image")

    assert (response.status_code, response.json()["code"]) == (500, "object_missing")
    assert "secret" not in response.text


def test_a_failed_job_can_be_retried_and_no_other(client, world, upload):
    job_id = upload()
    assert client.post(f"/jobs/{job_id}/retry").json()["code"] == "illegal_transition"
    world.fail(job_id)
    response = client.post(f"/jobs/{job_id}/retry")

    assert (response.status_code, response.json()["status"]) == (202, "submitted")
    assert "error" not in client.get(f"/status/{job_id}").json()


def test_an_erased_job_is_gone(client, upload):
    job_id = upload()
    response = client.delete(f"/jobs/{job_id}")

    assert (response.status_code, response.content) == (204, b"")
    assert client.get(f"/status/{job_id}").status_code == 404
    assert client.delete(f"/jobs/{job_id}").status_code == 404


def test_a_database_that_is_down_is_a_503(client, world):
    world.error = DatabaseUnavailableError("The database cannot be reached.")
    response = client.get(f"/status/{UNKNOWN}")

    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert response.headers["Retry-After"]
