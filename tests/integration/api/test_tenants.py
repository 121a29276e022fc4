"""Two tenants of one service: for each of them the other one does not exist, by whatever route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration.api.conftest import Embedded, OpenEmbedded
from tests.integration.api.test_embedded import photo
from tests.unit.api.test_access import routes_of

from streetveil.api.access import AccessPolicy
from streetveil.domain.access import DEFAULT_TENANT, Principal, Scope
from streetveil.domain.job import new_id

OURS = {"Authorization": "Bearer ours"}
THEIRS = {"Authorization": "Bearer theirs"}
NOBODY = {"Authorization": "Bearer nobody"}
SHARED = {"Authorization": f"Bearer {DEFAULT_TENANT}"}


def named_like_the_token(token: str, /) -> Principal:
    return Principal(token, token, frozenset(Scope))


@pytest.fixture(scope="module")
def service(open_embedded: OpenEmbedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    policy = AccessPolicy(authenticate=named_like_the_token)
    with open_embedded(tmp_path_factory.mktemp("tenants"), access=policy) as running:
        yield running


def upload(service: Embedded, caller: dict[str, str], content: bytes, **headers: str) -> str:
    response = service.client.post("/upload", files={"file": ("a.jpg", content)}, headers=caller | headers)
    assert response.status_code == 202, response.text
    return str(response.json()["job_id"])


def state(service: Embedded, caller: dict[str, str], job_id: str) -> dict[str, Any]:
    service.client.headers.update(caller)
    return service.finished(job_id)


@pytest.fixture(scope="module")
def job(service: Embedded) -> str:
    """A job of ours that is completed."""
    job_id = upload(service, OURS, photo())
    assert state(service, OURS, job_id)["status"] == "completed"
    return job_id


@pytest.fixture(scope="module")
def batch(service: Embedded) -> str:
    """A batch of ours."""
    response = service.client.post("/batch-upload", files=[("files", ("a.jpg", photo()))], headers=OURS)
    return str(response.json()["batch_id"])


def with_ids(path: str, **ids: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], path)


def test_a_job_of_another_tenant_is_by_every_route_one_that_never_was(service: Embedded, job: str, batch: str) -> None:
    before = service.client.get(f"/status/{job}", headers=OURS).json()
    asked = set()
    for route in routes_of(service.app):
        method, _, path = route.partition(" ")
        if "{" not in path:
            continue
        for variant in ("processed", "original", "review") if path.endswith("/image") else (None,):
            params = {"variant": variant} if variant else {}

            def ask(caller: dict[str, str], job_id: str, batch_id: str) -> tuple[int, str]:
                url = with_ids(path, job_id=job_id, batch_id=batch_id)  # noqa: B023 - called at once
                answer = service.client.request(method, url, headers=caller, params=params)  # noqa: B023
                said = re.sub(r'"(request_id|instance)":\s*"[^"]*",?', "", answer.text)
                return answer.status_code, said.replace(job_id, "ID").replace(batch_id, "ID")

            unknown = ask(THEIRS, new_id(), new_id())
            assert unknown[0] == 404
            assert ask(THEIRS, job, batch) == ask(SHARED, job, batch) == unknown, route
            asked.add(route)
    assert len(asked) >= 9
    assert service.client.get(f"/status/{job}", headers=OURS).json() == before
    assert len(service.files_of(job)) == 3


def test_lists_and_cursors_lead_to_jobs_of_the_caller_alone(service: Embedded, job: str) -> None:
    theirs = [upload(service, THEIRS, photo(quality=quality)) for quality in (60, 61, 62)]
    newest = upload(service, OURS, photo())

    def page(caller: dict[str, str], **params: str) -> tuple[list[str], str | None]:
        answer = service.client.get("/jobs", headers=caller, params=params).json()
        return [item["job_id"] for item in answer["jobs"]], answer["next_cursor"]

    everything, _ = page(OURS, limit="100")
    assert {job, newest} <= set(everything)
    assert not set(theirs) & set(everything)
    [first], cursor = page(OURS, limit="1")
    assert first == newest
    assert cursor is not None
    # With the cursor of another tenant a page begins at that time, and is the caller's own.
    assert page(THEIRS, cursor=cursor, limit="100")[0] == theirs[::-1]
    assert page(NOBODY, limit="100") == ([], None)


def test_figures_are_those_of_the_caller(service: Embedded, job: str) -> None:
    ours, others = (service.client.get("/stats", headers=caller).json() for caller in (OURS, NOBODY))
    assert ours["jobs"]["completed"] >= 1
    assert ours["confidence"]["face"]["objects"] >= 1
    assert set(others["jobs"].values()) == {0}
    assert others["confidence"]["face"]["objects"] == 0
    assert (others["latency"], others["queue_depth"]) == (None, 0)


def test_how_full_the_queue_is_is_told_of_the_caller_s_jobs(service: Embedded) -> None:
    service.detector.gate.clear()
    try:
        jobs = [upload(service, OURS, photo(quality=quality)) for quality in (50, 51, 52)]
        ours, theirs = (service.client.get("/queue-status", headers=caller).json() for caller in (OURS, NOBODY))
    finally:
        service.detector.gate.set()
    assert 2 <= ours["queue_depth"] <= 3
    assert (theirs["queue_depth"], theirs["oldest_job_age_seconds"]) == (0, None)
    for job_id in jobs:
        state(service, OURS, job_id)


def test_a_key_that_one_tenant_has_used_is_free_for_the_others(service: Embedded) -> None:
    key = {"Idempotency-Key": "first-photo-of-today"}
    ours = upload(service, OURS, photo(), **key)
    theirs = upload(service, THEIRS, photo(quality=70), **key)
    assert ours != theirs
    assert upload(service, OURS, photo(), **key) == ours
    conflict = service.client.post("/upload", files={"file": ("a.jpg", photo(quality=70))}, headers=OURS | key)
    assert conflict.json()["code"] == "idempotency_conflict"


@pytest.mark.parametrize(("caller", "folder"), [(OURS, "tenants/ours/"), (SHARED, "")])
def test_the_objects_of_each_tenant_lie_under_its_own_prefix(
    service: Embedded, caller: dict[str, str], folder: str
) -> None:
    job_id = upload(service, caller, photo())
    results = state(service, caller, job_id)["results"]
    objects = service.data_dir / "objects"
    assert results["original_image_path"] == (objects / f"{folder}original/{job_id}.jpg").as_uri()
    assert results["processed_image_path"] == (objects / f"{folder}processed/{job_id}.jpg").as_uri()
    assert (objects / f"{folder}metadata/{job_id}.json").is_file()
    assert service.client.delete(f"/jobs/{job_id}", headers=caller).status_code == 204
    assert service.files_of(job_id) == []
