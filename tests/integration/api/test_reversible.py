"""Reversible photos of a whole service: kept sealed, shown to who may see originals, and unreadable without the key."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.integration.api.conftest import Embedded, OpenEmbedded
from tests.integration.api.test_embedded import photo

from streetveil.api.access import AccessPolicy
from streetveil.crops.keys import KeyFolder
from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.domain.access import Principal, Scope

PNG = b"\x89PNG\r\n\x1a\n"


def scopes_and_tenant(token: str, /) -> Principal:
    tenant, _, names = token.partition("/")
    return Principal("ann", tenant, frozenset(Scope(name) for name in names.split(",")))


def as_who(tenant: str, *scopes: Scope) -> dict[str, str]:
    return {"Authorization": f"Bearer {tenant}/{','.join(scopes)}"}


ALL = as_who("acme", *(set(Scope) - {Scope.ADMIN}))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyFolder:
    folder = KeyFolder(tmp_path_factory.mktemp("keys") / "keys")
    folder.create("acme")
    return folder


@pytest.fixture(scope="module")
def service(
    open_embedded: OpenEmbedded, keys: KeyFolder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Embedded]:
    policy = AccessPolicy(authenticate=scopes_and_tenant)
    chosen = {"crops_keys_dir": keys._folder, "retention_original": "0"}
    with open_embedded(tmp_path_factory.mktemp("reversible"), access=policy, **chosen) as running:
        running.client.headers.update(ALL)
        yield running


@pytest.fixture(scope="module")
def job(service: Embedded) -> str:
    job_id = service.upload(photo("JPEG"), reversible="true")
    assert service.finished(job_id)["status"] == "completed"
    return job_id


def crops_of(service: Embedded, job_id: str, **more: object) -> tuple[int, str]:
    answer = service.client.get(f"/jobs/{job_id}/crops", **more)  # type: ignore[arg-type]
    return answer.status_code, answer.json()["code"]


def test_they_are_the_original_s_pixels(service: Embedded, job: str) -> None:
    answer = service.client.get(f"/jobs/{job}/crops")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    assert "no-store" in answer.headers["Cache-Control"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        [crop] = json.loads(archive.read("regions.json"))["crops"]
        found = np.asarray(Image.open(io.BytesIO(archive.read(crop["file"]))), np.int16)
    left, top, right, bottom = crop["box"]
    with Image.open(io.BytesIO(photo("JPEG"))) as image:
        original = np.asarray(image, np.int16)[top:bottom, left:right]
    assert np.abs(found - original).max() <= 3  # two decoders of JPEG may round differently


def test_in_the_clear_they_are_nowhere_on_the_disk(service: Embedded, job: str) -> None:
    content = service.client.get(f"/jobs/{job}/crops").content
    files = [path for path in service.data_dir.rglob("*") if path.is_file()]
    assert [path.parent.name for path in service.files_of(job)].count("crops") == 1
    for path in files:
        stored = path.read_bytes()
        assert PNG not in stored, path
        assert b"regions.json" not in stored, path
        assert content[200:264] not in stored, path


def test_reading_them_is_recorded(service: Embedded, job: str) -> None:
    assert service.client.get(f"/jobs/{job}/crops").status_code == 200
    database = SqlDatabase(open_engine(sqlite_url(service.data_dir / "streetveil.db")))
    with database.snapshot() as snapshot:
        waiting = [event.action for event in snapshot.audit.waiting_of(job)]
        sealed = [record.event.action for record in snapshot.audit.newest(100, job_id=job)]
    database.close()
    assert "read_crops" in waiting + sealed


@pytest.mark.parametrize("scope", sorted(set(Scope) - {Scope.READ_ORIGINAL, Scope.ADMIN}))
def test_they_take_the_scope_of_originals_and_no_other(service: Embedded, job: str, scope: Scope) -> None:
    assert crops_of(service, job, headers=as_who("acme", scope)) == (403, "insufficient_scope")


def test_another_tenant_finds_no_such_job(service: Embedded, job: str) -> None:
    assert crops_of(service, job, headers=as_who("other", Scope.READ_ORIGINAL)) == (404, "job_not_found")


def test_a_photo_that_was_not_to_be_reversible_has_none(service: Embedded) -> None:
    for fields in ({}, {"reversible": "false"}):
        job_id = service.upload(photo(), **fields)
        service.finished(job_id)
        assert crops_of(service, job_id) == (404, "crops_not_found")


def test_a_tenant_without_a_key_is_told_so(service: Embedded) -> None:
    answer = service.client.post(
        "/upload",
        files={"file": ("a.jpg", photo())},
        data={"reversible": "true"},
        headers=as_who("other", Scope.UPLOAD),
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "crops_key_missing")


@pytest.mark.parametrize(("path", "field"), [("/redact", "file"), ("/blur/", "picture")])
def test_where_nothing_is_kept_it_is_refused(service: Embedded, path: str, field: str) -> None:
    answer = service.client.post(path, files={field: ("a.jpg", photo("JPEG"))}, data={"reversible": "true"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option")


def test_a_service_without_keys_refuses_it(open_embedded: OpenEmbedded, tmp_path: Path) -> None:
    with open_embedded(tmp_path / "data") as plain:
        answer = plain.client.post("/upload", files={"file": ("a.jpg", photo())}, data={"reversible": "true"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option")


def test_without_the_key_they_are_gone_for_ever(service: Embedded, job: str, keys: KeyFolder) -> None:
    keys.delete("acme")
    assert crops_of(service, job) == (404, "crops_unreadable")
    keys.create("acme")
    assert crops_of(service, job) == (404, "crops_unreadable")
    assert service.client.get(f"/jobs/{job}/image").status_code == 200


def test_erasing_the_job_leaves_none(service: Embedded) -> None:
    job_id = service.upload(photo("PNG", quality=3), reversible="true")
    service.finished(job_id)
    assert service.client.delete(f"/jobs/{job_id}").status_code == 204
    assert service.files_of(job_id) == []
    assert crops_of(service, job_id) == (404, "job_not_found")
