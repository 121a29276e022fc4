"""The blurring service of a Panoramax instance: /blur/."""

import io
import json

import pytest
from PIL import Image

from streetveil.domain.options import MetadataPolicy, Style
from streetveil.errors import RedactionFailedError, StorageUnavailableError

FORM = {"Accept": "multipart/form-data"}
PLATE = {"class": "license_plate", "box": [40, 30, 60, 48], "confidence": 0.82345, "style": "solid", "shape": "ellipse"}


@pytest.fixture
def picture(world, photo) -> dict[str, tuple[str, bytes, str]]:
    """The form as an instance sends it; what comes back from redaction is a JPEG too."""
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), (1, 2, 3)).save(stream, "JPEG")
    world.result = stream.getvalue()
    return {"picture": ("picture.jpg", photo, "image/jpeg")}


def test_an_instance_gets_the_picture_and_its_metadata_as_parts(client, world, parts, picture, photo):
    response = client.post("/blur/", files=picture, headers=FORM)
    found = parts(response)

    assert list(found) == ["image", "metadata"]
    assert (found["image"].get_content_type(), found["image"].get_content()) == ("image/jpeg", world.result)
    assert json.loads(found["metadata"].get_content()) == {
        "annotations": [
            {
                "shape": [0, 0, 60, 40],
                "semantics": [
                    {"key": "vehicle", "value": "bus"},
                    {"key": "detection_model[vehicle=bus]", "value": "Streetveil-face-finder/1"},
                    {"key": "detection_confidence[vehicle=bus]", "value": "0.800"},
                ],
            }
        ],
        "blurring_id": response.headers["X-Request-ID"],
        "service_name": "Streetveil",
        "kept": False,
    }
    assert "x-sgblur" not in response.headers
    [(data, options)] = world.redacted
    assert data == photo
    assert (options.metadata, options.style, options.face_confidence) == (MetadataPolicy.KEEP, Style.PIXELATE, 0.3)


def test_other_clients_get_the_picture_with_the_detections_in_a_header(client, world, picture):
    world.blur["regions"] = [*world.blur["regions"], PLATE]
    response = client.post("/blur/", files=picture)

    assert (response.headers["Content-Type"], response.content) == ("image/jpeg", world.result)
    face, plate, bus = json.loads(response.headers["x-sgblur"])["info"]
    # The ellipse around a box is larger than it; where it leaves the picture it is cut.
    assert face == {"class": "face", "confidence": 0.91, "xywh": [0, 0, 37, 48], "bbox": [1, 2, 31, 40]}
    assert plate == {"class": "plate", "confidence": 0.823, "xywh": [35, 26, 29, 22], "bbox": [40, 30, 60, 48]}
    assert (bus["class"], bus["xywh"]) == ("bus", [0, 0, 60, 40])
    assert json.loads(response.headers["x-sgblur"])["salt"] is None


def test_more_detections_than_fit_into_a_header_are_cut_off_and_that_is_told(client, world, picture):
    world.blur["regions"] = world.blur["regions"] * 200
    header = client.post("/blur/", files=picture).headers["x-sgblur"]

    assert 2000 < len(header) <= 3072
    assert json.loads(header)["truncated"] is True
    assert {item["class"] for item in json.loads(header)["info"]} == {"face"}


def test_no_instance_is_told_that_blurred_parts_were_kept(client, parts, picture):
    metadata = parts(client.post("/blur/", params={"keep": 1}, files=picture, headers=FORM))["metadata"]
    told = json.loads(metadata.get_content())

    assert (told["blurring_id"], told["kept"]) == (None, False)


def test_nothing_comes_back_unblurred_for_a_keep_that_other_services_have(client, world, picture):
    response = client.post("/blur/", params={"keep": 2}, files=picture)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")
    assert world.redacted == []


def test_boxes_of_annotations_lie_in_the_picture_and_none_comes_twice(client, world, parts, picture):
    near = [0.2, 3.9, 63.6, 47.8]
    world.seen["vehicles"] = [
        {"class": name, "box": box, "confidence": 0.5}
        for name, box in (("car", near), ("truck", [0, 3, 64, 48]), ("car", [-0.4, 1, 70, 50.5]))
    ]
    metadata = parts(client.post("/blur/", files=picture, headers=FORM))["metadata"]

    shapes = [item["shape"] for item in json.loads(metadata.get_content())["annotations"]]
    assert shapes == [[0, 3, 64, 48], [0, 1, 64, 48]]


def test_a_picture_that_is_not_upright_is_turned(client, world, parts, picture):
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.new("RGB", (64, 48)).save(stream, "JPEG", exif=exif)
    world.result = stream.getvalue()
    image = parts(client.post("/blur/", files=picture, headers=FORM))["image"].get_content()

    with Image.open(io.BytesIO(image)) as turned:
        assert (turned.size, turned.getexif()[0x0112]) == ((48, 64), 1)


def test_options_of_a_job_may_be_given_as_fields(client, world, picture):
    assert client.post("/blur/", files=picture, data={"style": "solid", "metadata": "strip"}).status_code == 200
    [(_, options)] = world.redacted
    assert (options.style, options.metadata) == (Style.SOLID, MetadataPolicy.STRIP)


@pytest.mark.parametrize(
    ("files", "status", "code"),
    [
        ({"file": ("a.jpg", b"x")}, 400, "missing_field"),
        ({"picture": ("a.jpg", b"")}, 400, "empty_file"),
        ({"picture": ("a.jpg", b"no picture at all")}, 415, "unsupported_format"),
    ],
)
def test_what_is_no_picture_is_a_problem(client, files, status, code):
    response = client.post("/blur/", files=files, headers=FORM)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_picture_of_another_format_is_refused(client, world):
    stream = io.BytesIO()
    Image.new("RGB", (9, 9)).save(stream, "PNG")
    response = client.post("/blur/", files={"picture": ("picture.jpg", stream.getvalue(), "image/jpeg")})

    assert (response.status_code, response.json()["code"]) == (415, "unsupported_format")
    assert "PNG" in response.json()["detail"]
    assert world.redacted == []


@pytest.mark.parametrize(
    ("error", "status"), [(RedactionFailedError("It cannot."), 422), (StorageUnavailableError("Full."), 503)]
)
def test_a_picture_that_could_not_be_blurred_does_not_come_back(client, world, picture, error, status):
    world.error = error
    response = client.post("/blur/", files=picture, headers=FORM)
    assert (response.status_code, response.headers["Content-Type"]) == (status, "application/problem+json")


def test_a_result_that_cannot_be_turned_does_not_come_back(client, world, picture):
    world.result = b"no jpeg"
    response = client.post("/blur/", files=picture, headers=FORM)
    assert (response.status_code, response.json()["code"]) == (422, "redaction_failed")


def test_the_address_answers_without_a_picture(client):
    head, page = client.head("/blur/"), client.get("/blur/")

    assert (head.status_code, page.status_code) == (200, 200)
    assert 'name="picture"' in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_nothing_can_be_unblurred(client, picture):
    response = client.post("/deblur/", params={"idx": 0, "salt": "x"}, files=picture)
    assert response.status_code == 404
    assert "never kept" in response.json()["detail"]
