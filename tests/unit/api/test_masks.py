"""GET /jobs/{job_id}/mask and /jobs/{job_id}/regions."""

import io

import pytest
from PIL import Image

PLATE = {"class": "license_plate", "box": [40, 30, 60, 40], "confidence": 0.8, "style": "solid", "shape": "rectangle"}


@pytest.mark.parametrize(("kind", "mode", "face", "plate"), [("binary", "L", 255, 255), ("instance", "I;16", 1, 2)])
def test_a_completed_job_has_a_mask_in_the_size_of_its_picture(client, world, upload, kind, mode, face, plate):
    job_id = upload("straße.jpg")
    world.blur["regions"] = [*world.blur["regions"], PLATE]
    world.complete(job_id)
    response = client.get(f"/jobs/{job_id}/mask", params={"kind": kind})

    assert (response.status_code, response.headers["Content-Type"]) == (200, "image/png")
    assert response.headers["Content-Disposition"].startswith('inline; filename="stra_e-mask.png"; filename*=')
    assert "private" in response.headers["Cache-Control"]
    with Image.open(io.BytesIO(response.content)) as drawn:
        assert (drawn.size, drawn.mode) == ((64, 48), mode)
        places = [(15, 20), (50, 35), (62, 2)]
        assert [drawn.getpixel(place) for place in places] == [face, plate, 0]


def test_a_mask_is_binary_unless_asked_otherwise(client, world, upload):
    job_id = upload()
    world.complete(job_id)
    answers = [client.get(f"/jobs/{job_id}/mask", params=query).content for query in ({}, {"kind": "binary"})]
    assert answers[0] == answers[1]


def test_the_regions_are_downloaded_as_a_file_with_the_size_they_are_in(client, world, upload):
    job_id = upload()
    world.complete(job_id)
    response = client.get(f"/jobs/{job_id}/regions")

    assert response.headers["Content-Disposition"] == 'attachment; filename="street-regions.json"'
    assert response.json() == {
        "job_id": job_id,
        "filename": "street.jpg",
        "width": 64,
        "height": 48,
        "regions": world.blur["regions"],
    }


@pytest.mark.parametrize("what", ["mask", "regions"])
def test_without_a_result_there_is_nothing_to_tell(client, world, upload, what):
    waiting, failed = upload(), upload()
    world.fail(failed)

    for job_id in (waiting, failed):
        response = client.get(f"/jobs/{job_id}/{what}")
        assert (response.status_code, response.json()["code"]) == (409, "result_not_ready")
    response = client.get(f"/jobs/00000000-0000-7000-8000-000000000000/{what}")
    assert (response.status_code, response.json()["code"]) == (404, "job_not_found")


def test_a_mask_of_an_unknown_kind_is_refused(client, world, upload):
    job_id = upload()
    world.complete(job_id)
    response = client.get(f"/jobs/{job_id}/mask", params={"kind": "alpha"})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")
