"""Reversible photos as an operator sets them up: a key, a service with child processes, and the key's end."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def keys(streetveil, tmp_path):
    folder = str(tmp_path / "keys")
    made = streetveil("keys", "create", CROPS_KEYS_DIR=folder)
    assert made.returncode == 0, made.stderr
    return folder


def test_a_photo_is_restored_while_its_key_is_there(streetveil, start_service, tmp_path, keys, small_photo):
    variables = {"CROPS_KEYS_DIR": keys, "NUM_WORKERS": "1", "DEFAULT_PROFILE": "fast", "RETENTION_ORIGINAL": "0"}
    service = start_service(tmp_path / "data", ISOLATION="process", **variables)
    answer = service.client.post(
        "/upload", files={"file": ("two.jpg", small_photo.read_bytes())}, data={"reversible": "true"}
    )
    assert answer.status_code == 202, answer.text
    job = answer.json()["job_id"]
    state = service.finished(job)
    assert state["results"]["blur_metadata"]["faces_blurred"] == 2
    assert service.client.get(f"/jobs/{job}/image?variant=original").status_code == 404

    with zipfile.ZipFile(io.BytesIO(service.client.get(f"/jobs/{job}/crops").content)) as archive:
        crops = json.loads(archive.read("regions.json"))["crops"]
        faces = [np.asarray(Image.open(io.BytesIO(archive.read(crop["file"]))), np.int16) for crop in crops]
    with Image.open(small_photo) as image:
        original = np.asarray(image, np.int16)
    with Image.open(io.BytesIO(service.client.get(f"/jobs/{job}/image").content)) as image:
        result = np.asarray(image, np.int16).copy()
    assert len(crops) == 2
    for crop, face in zip(crops, faces, strict=True):
        left, top, right, bottom = crop["box"]
        assert np.abs(result[top:bottom, left:right] - original[top:bottom, left:right]).mean() > 5
        result[top:bottom, left:right] = face
        # Two decoders of JPEG round differently.
        assert np.abs(result[top:bottom, left:right] - original[top:bottom, left:right]).mean() < 1

    deleted = streetveil("keys", "delete", "--yes", CROPS_KEYS_DIR=keys, DATA_DIR=str(tmp_path / "data"))
    assert deleted.returncode == 0, deleted.stderr
    assert service.client.get(f"/jobs/{job}/crops").json()["code"] == "crops_unreadable"
    assert service.client.get(f"/jobs/{job}/image").status_code == 200
    assert service.stop() == 0
