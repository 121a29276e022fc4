"""The audit log is told who asked for what, from where; and what it cannot be told of is not handed out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from tests.unit.api.conftest import Service, World
from tests.unit.api.test_access import bearing, guarded

from streetveil.domain.access import ANYONE, DEFAULT_TENANT, Scope
from streetveil.domain.audit import Actor
from streetveil.domain.job import new_id

__all__ = ["guarded"]

HERE = Actor(ANYONE.subject, DEFAULT_TENANT, "127.0.0.0/24")
ANN = replace(HERE, name="ann")


@pytest.fixture
def completed(upload: Callable[..., str], world: World) -> str:
    job_id = upload()
    world.complete(job_id)
    world.audited.clear()
    return job_id


def test_an_upload_is_told_with_where_it_came_from(upload: Callable[..., str], world: World) -> None:
    upload()
    assert world.audited == [("submit", HERE, None, "ok")]


def test_every_photo_of_a_batch_is_told(client: httpx.Client, photo: bytes, world: World) -> None:
    client.post("/batch-upload", files=[("files", (name, photo)) for name in ("a.jpg", "b.jpg")])
    assert world.audited == [("submit", HERE, None, "ok")] * 2


@pytest.mark.parametrize("link", [None, "https://objects.example.org/signed"])
@pytest.mark.parametrize(("variant", "action"), [("original", "read_original"), ("review", "read_held_back")])
def test_who_sees_a_person_is_told(
    client: httpx.Client, upload: Callable[..., str], world: World, variant: str, action: str, link: str | None
) -> None:
    job_id = upload()
    world.hold_back(job_id)
    world.audited.clear()
    world.presigned = link
    address = f"/jobs/{job_id}/image?variant={variant}"
    assert client.head(address).status_code == 200
    assert world.audited == []
    assert client.get(address).status_code == (200 if link is None else 307)
    assert world.audited == [(action, HERE, job_id, "ok")]


def test_what_cannot_be_recorded_is_not_shown(client: httpx.Client, completed: str, world: World) -> None:
    world.audit_fails = True
    for world.presigned in (None, "https://objects.example.org/signed"):
        response = client.get(f"/jobs/{completed}/image?variant=original")
        assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
        assert "signed" not in response.text


def test_redacted_photos_and_what_is_not_there_are_not_told(client: httpx.Client, completed: str, world: World) -> None:
    assert client.get(f"/jobs/{completed}/image").status_code == 200
    assert client.get(f"/jobs/{new_id()}/image?variant=original").status_code == 404
    assert world.audited == []


@pytest.mark.parametrize(("method", "path", "action"), [("POST", "/retry", "retry"), ("DELETE", "", "erase")])
def test_what_is_done_to_a_job_is_told(
    client: httpx.Client, upload: Callable[..., str], world: World, method: str, path: str, action: str
) -> None:
    job_id = upload()
    world.fail(job_id)
    world.audited.clear()
    assert client.request(method, f"/jobs/{job_id}{path}").is_success
    assert world.audited == [(action, HERE, job_id, "ok")]


def test_a_release_is_told(client: httpx.Client, upload: Callable[..., str], world: World) -> None:
    job_id = upload()
    world.hold_back(job_id)
    world.audited.clear()
    client.post(f"/jobs/{job_id}/release")
    assert world.audited == [("release", HERE, job_id, "ok")]


def test_a_known_caller_who_is_refused_is_told_and_a_stranger_is_not(guarded: Service) -> None:
    guarded.world.reset()
    job_id = new_id()
    with httpx.Client(base_url=guarded.address, verify=False) as client:
        assert client.delete(f"/jobs/{job_id}").status_code == 401
        assert client.delete(f"/jobs/{job_id}", headers={"Authorization": "Bearer nonsense"}).status_code == 401
        assert guarded.world.audited == []
        assert client.delete(f"/jobs/{job_id.upper()}", headers=bearing(Scope.READ)).status_code == 403
        address = f"/jobs/{job_id}/image?variant=original"
        assert client.get(address, headers=bearing(Scope.READ)).status_code == 403
        assert client.delete("/jobs/nonsense", headers=bearing(Scope.READ)).status_code == 403
    assert guarded.world.audited == [
        ("refuse", ANN, job_id, "insufficient_scope"),
        ("refuse", ANN, job_id, "insufficient_scope"),
        ("refuse", ANN, None, "insufficient_scope"),
    ]


def test_a_refusal_stands_though_it_cannot_be_recorded(guarded: Service) -> None:
    guarded.world.reset()
    guarded.world.audit_fails = True
    with httpx.Client(base_url=guarded.address, verify=False) as client:
        assert client.delete(f"/jobs/{new_id()}", headers=bearing(Scope.READ)).status_code == 403
