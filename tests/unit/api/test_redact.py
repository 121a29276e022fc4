"""POST /redact."""

import io
import json
import threading

import httpx
import pytest
from PIL import Image
from tests.support.metrics import values

from streetveil.domain.options import Style
from streetveil.errors import RedactionFailedError


def test_a_photo_comes_back_redacted_with_what_was_found(client, world, photo):
    response = client.post("/redact", files={"file": ("street.jpg", photo)}, data={"style": "solid"})

    assert (response.status_code, response.content) == (200, b"redacted bytes")
    assert response.headers["Content-Type"] == "image/jpeg"
    assert response.headers["Content-Disposition"] == 'inline; filename="street-redacted.jpg"'
    found = json.loads(response.headers["X-Streetveil-Detections"])
    assert found["blur_metadata"]["faces_blurred"] == 1
    assert found["detection_metadata"]["vehicles"][0]["class"] == "bus"
    [(data, options)] = world.redacted
    assert data == photo
    assert (options.style, options.face_confidence) == (Style.SOLID, 0.3)
    assert world.jobs == {}


def test_on_request_the_detections_come_as_a_part(client, parts, photo):
    response = client.post(
        "/redact", files={"file": ('a"b.jpg', photo)}, headers={"Accept": "multipart/form-data, */*;q=0.1"}
    )
    image, metadata = parts(response).values()

    assert image.get_param("name", header="content-disposition") == "image"
    assert image.get_content_type() == "image/jpeg"
    assert image.get_content() == b"redacted bytes"
    assert metadata.get_content_type() == "application/json"
    assert json.loads(metadata.get_content())["detection_metadata"]["is_vehicle_detected"] is True


@pytest.mark.parametrize(("kind", "marked"), [("binary", 255), ("instance", 1)])
def test_a_mask_is_a_third_part_whatever_the_client_accepts(client, parts, photo, kind, marked):
    response = client.post(
        "/redact", files={"file": ("street.jpg", photo)}, data={"mask": kind}, headers={"Accept": "image/jpeg"}
    )
    image, metadata, mask = parts(response).values()

    assert image.get_content() == b"redacted bytes"
    assert json.loads(metadata.get_content())["blur_metadata"]["faces_blurred"] == 1
    assert (mask.get_param("name", header="content-disposition"), mask.get_content_type()) == ("mask", "image/png")
    assert mask.get_filename() == "street-mask.png"
    with Image.open(io.BytesIO(mask.get_content())) as drawn:
        assert drawn.size == (64, 48)
        assert (drawn.getpixel((15, 20)), drawn.getpixel((60, 20))) == (marked, 0)


def test_a_mask_of_an_unknown_kind_is_refused_before_anything_is_redacted(client, world, photo):
    response = client.post("/redact", files={"file": ("a.jpg", photo)}, data={"mask": "alpha"})

    assert (response.status_code, response.json()["code"]) == (422, "invalid_option")
    assert "binary, instance" in response.json()["detail"]
    assert world.redacted == []


def test_an_upload_takes_no_mask(client, photo):
    response = client.post("/upload", files={"file": ("a.jpg", photo)}, data={"mask": "binary"})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_option")


def test_more_detections_than_fit_into_a_header_become_counts(client, world, photo):
    world.blur["regions"] = world.blur["regions"] * 200
    world.blur["faces_blurred"] = 200
    response = client.post("/redact", files={"file": ("a.jpg", photo)})

    header = response.headers["X-Streetveil-Detections"]
    assert len(header) < 4096
    assert json.loads(header) == {"truncated": True, "faces_blurred": 200, "plates_blurred": 0, "vehicles": 1}


def test_a_photo_that_cannot_be_redacted_is_no_answer_with_an_image(client, world, photo):
    world.error = RedactionFailedError("The file could not be rewritten.")
    response = client.post("/redact", files={"file": ("a.jpg", photo)})

    assert (response.status_code, response.json()["code"]) == (422, "redaction_failed")


def test_more_requests_than_can_wait_are_turned_away(client, service, world, photo):
    world.hold = threading.Event()
    answers = []

    def redact():
        answers.append(httpx.post(f"{service.address}/redact", files={"file": ("a.jpg", photo)}).status_code)

    # One is worked on, one may wait.
    threads = [threading.Thread(target=redact) for _ in range(2)]
    for thread in threads:
        thread.start()
    while service.app.state.streetveil.redaction_slots.inside < 2:
        threading.Event().wait(0.01)
    refused = client.post("/redact", files={"file": ("a.jpg", photo)})
    world.hold.set()
    for thread in threads:
        thread.join()

    assert (refused.status_code, refused.json()["code"]) == (429, "queue_full")
    numbers = values(client.get("/metrics").text)
    assert numbers["streetveil_limit_refusals_total", ("waiting_redactions",)] == 1
    assert refused.headers["Retry-After"]
    assert answers == [200, 200]
    assert client.post("/redact", files={"file": ("a.jpg", photo)}).status_code == 200
