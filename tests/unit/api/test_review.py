"""A job that needs review: no route hands out anything of its result but the one for who may release it."""

import re

import pytest

from streetveil.errors import NeedsReviewError

SECRETS = (b"redacted", b"held back", b"processed/", b'"box"', b'"regions"')

# What a route about one job answers while the job needs review. A route that is not named here fails the test below.
ANSWERS = {
    "GET /status/{job_id}": 200,
    "GET /jobs/{job_id}/image": 409,
    "HEAD /jobs/{job_id}/image": 409,
    "GET /jobs/{job_id}/crops": 404,  # it was not to be reversible
    "GET /jobs/{job_id}/mask": 409,
    "GET /jobs/{job_id}/regions": 409,
    "POST /jobs/{job_id}/retry": 202,
    "POST /jobs/{job_id}/release": 200,
    "DELETE /jobs/{job_id}": 204,
}
DECIDES = ("retry", "release", "DELETE")


@pytest.fixture
def held(world, upload):
    job_id = upload()
    world.hold_back(job_id)
    return job_id


def routes_of_jobs(routes):
    """Those in the documentation and those that are not."""
    for route in routes:
        if hasattr(route, "original_router"):
            yield from routes_of_jobs(route.original_router.routes)
        elif "{job_id}" in route.path:
            yield from (f"{method} {route.path}" for method in route.methods)


def test_every_route_of_a_job_is_looked_at_here(service):
    assert set(routes_of_jobs(service.app.routes)) == set(ANSWERS)


@pytest.mark.parametrize("route", ANSWERS)
def test_no_route_gives_anything_of_the_result_away(client, world, held, route):
    world.presigned = "https://storage.example.org/processed/x.jpg?signature=abc"
    method, path = route.split()
    response = client.request(method, path.format(job_id=held))
    assert response.status_code == ANSWERS[route]
    if response.status_code == 409 and method != "HEAD":
        assert response.json()["code"] == "needs_review"
    if not any(word in route for word in DECIDES):
        assert not [secret for secret in SECRETS if secret in response.content]
    assert "processed" not in response.headers.get("Location", "")


@pytest.mark.parametrize("path", ["/jobs", "/stats"])
def test_lists_and_figures_name_the_state_and_nothing_more(client, held, path):
    response = client.get(path)
    assert b"needs_review" in response.content
    assert not [secret for secret in SECRETS if secret in response.content]


def test_the_status_says_that_a_person_must_look(client, held):
    body = client.get(f"/status/{held}").json()
    assert (body["status"], body["results"]) == ("needs_review", None)
    [job] = client.get("/jobs", params={"status": "needs_review"}).json()["jobs"]
    assert (job["status"], job["is_face_detected"], job["processing_time"]) == ("needs_review", None, None)


def test_a_batch_counts_it(client, world, photo):
    batch = client.post("/batch-upload", files=[("files", ("a.jpg", photo))]).json()
    world.hold_back(batch["jobs"][0]["job_id"])
    response = client.get(f"/batches/{batch['batch_id']}")
    assert response.json()["counts"]["needs_review"] == 1
    assert not [secret for secret in SECRETS if secret in response.content]


def test_who_may_release_it_looks_at_it_and_does(client, world, held):
    assert client.get(f"/jobs/{held}/image", params={"variant": "review"}).content == b"held back"
    body = client.post(f"/jobs/{held}/release").json()
    assert (body["status"], body["results"]["blur_metadata"]) == ("completed", world.blur)
    assert client.get(f"/jobs/{held}/image").content == b"redacted"
    assert client.get(f"/jobs/{held}/image", params={"variant": "review"}).json()["code"] == "result_not_ready"
    assert client.post(f"/jobs/{held}/release").json()["code"] == "illegal_transition"


def test_what_was_found_in_it_is_told_with_the_result(client, world, held):
    finding = {"round": 2, "class": "face", "box": [1.0, 2.0, 3.0, 4.0], "confidence": 0.4, "again": True}
    world.blur["verification"] = {"rounds": 2, "found": [finding], "passed": False}
    client.post(f"/jobs/{held}/release")
    assert client.get(f"/status/{held}").json()["results"]["blur_metadata"]["verification"]["found"] == [finding]


@pytest.mark.parametrize(("path", "field"), [("/redact", "file"), ("/blur/", "picture")])
def test_who_waits_for_the_photo_gets_an_error_and_no_image(client, world, photo, path, field):
    world.error = NeedsReviewError("Something was still found in the photo.")
    response = client.post(path, files={field: ("a.jpg", photo)})
    assert (response.status_code, response.json()["code"]) == (422, "needs_review")
    assert not re.search(rb"redacted bytes|\xff\xd8", response.content)
