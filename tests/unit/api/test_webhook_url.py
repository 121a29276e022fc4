"""`webhook_url`: who may name one, which are refused, and what /status tells of it."""

from dataclasses import replace

import httpx
import pytest
from tests.unit.api.conftest import World, services_of, serving

from streetveil.api.access import AccessPolicy
from streetveil.api.app import create_app

HOOK = "https://hooks.example.org/a?b=c"


def test_it_goes_with_the_job_and_is_no_option_of_it(client, world, upload):
    asked, plain = upload(webhook_url=HOOK), upload()
    assert world.webhooks == {asked: HOOK}
    assert world.jobs[asked].options == world.jobs[plain].options


def test_all_photos_of_a_batch_have_the_same(client, world, photo):
    files = [("files", ("a.jpg", photo)), ("files", ("b.jpg", photo))]
    jobs = client.post("/batch-upload", files=files, data={"webhook_url": HOOK}).json()["jobs"]
    assert world.webhooks == {job["job_id"]: HOOK for job in jobs}
    assert len(jobs) == 2


@pytest.mark.parametrize(("path", "name"), [("/upload", "file"), ("/batch-upload", "files")])
@pytest.mark.parametrize("url", ["http://hooks.example.org/", "https://127.0.0.1/", "no address", "javascript:x"])
def test_one_that_cannot_be_used_is_refused_before_anything_is_kept(client, world, photo, path, name, url):
    response = client.post(path, files={name: ("a.jpg", photo)}, data={"webhook_url": url})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_webhook_url")
    assert (world.jobs, world.batches) == ({}, {})


@pytest.mark.parametrize(("path", "name"), [("/redact", "file"), ("/blur/", "picture")])
def test_who_waits_for_the_result_is_told_by_nobody_else(client, photo, path, name):
    response = client.post(path, files={name: ("a.jpg", photo)}, data={"webhook_url": HOOK})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_option")
    assert "webhook_url" in response.json()["detail"]


def test_the_status_says_how_far_it_has_come_and_only_where_there_is_one(client, upload):
    state = client.get(f"/status/{upload(webhook_url=HOOK)}").json()
    assert state["webhook"] == {
        "status": "due",
        "attempts": 2,
        "error": "The webhook's receiver answered with 503.",
    }
    assert "webhook" not in client.get(f"/status/{upload()}").json()


def test_a_service_that_sends_none_says_so_instead_of_forgetting_it(tmp_path, photo):
    world = World()
    services = replace(services_of(world, tmp_path), notify=None)

    class Opened:
        def __enter__(self):
            return services

        def __exit__(self, *_error):
            return None

    app = create_app(Opened, access=AccessPolicy(authenticate=None), version="1")
    with serving(app) as address, httpx.Client(base_url=address, verify=False) as client:
        refused = client.post("/upload", files={"file": ("a.jpg", photo)}, data={"webhook_url": HOOK})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_option")
        assert world.jobs == {}
        accepted = client.post("/upload", files={"file": ("a.jpg", photo)}).json()["job_id"]
        assert client.get(f"/status/{accepted}").json()["status"] == "submitted"
