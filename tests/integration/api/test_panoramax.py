"""A Panoramax instance that has its pictures blurred by the whole embedded service."""

import io
import json
import struct
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

THUMBNAIL = b"\xff\xd8\xff\xdb the face as it was \xff\xd9"
SIZE = (160, 128)


def camera_photo(orientation: int = 1) -> bytes:
    """Noise with the EXIF of a camera, a thumbnail in it; `SIZE` once it is upright."""
    width, height = SIZE if orientation < 5 else SIZE[::-1]
    noise = np.random.default_rng(11).integers(0, 256, (height, width, 3), np.uint8)
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", orientation
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0)})
    exif.get_ifd(0x8769).update({0x9003: "2026:09:21 13:11:11", 0xA002: width, 0xA003: height})
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG", quality=95, subsampling=0, exif=with_thumbnail(exif.tobytes()))
    return stream.getvalue()


def with_thumbnail(exif: bytes) -> bytes:
    """The block (big-endian, behind `Exif`) with a second directory that holds the thumbnail."""
    block = exif[6:]
    next_at = 10 + 12 * int.from_bytes(block[8:10])
    at = len(block)
    entries = [struct.pack(">HHII", 0x0201, 4, 1, at + 30), struct.pack(">HHII", 0x0202, 4, 1, len(THUMBNAIL))]
    directory = struct.pack(">H", 2) + b"".join(entries) + bytes(4)
    return exif[:6] + block[:next_at] + struct.pack(">I", at) + block[next_at + 4 :] + directory + THUMBNAIL


def blurred(embedded, picture: bytes, **params) -> tuple[bytes, dict[str, Any]]:
    """What an instance makes of the answer; it never asks otherwise."""
    response = embedded.client.post(
        "/blur/",
        params=params,
        files={"picture": ("picture.jpg", picture, "image/jpeg")},
        headers={"Accept": "multipart/form-data"},
    )
    assert response.status_code == 200, response.text
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    image, metadata = BytesParser(policy=policy.HTTP).parsebytes(head + response.content).iter_parts()
    return image.get_content(), json.loads(metadata.get_content())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_comes_back_upright_blurred_and_with_its_exif_but_not_its_thumbnail(embedded, orientation):
    original = camera_photo(orientation)
    picture, metadata = blurred(embedded, original)

    before = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(original)))).astype(int)
    with Image.open(io.BytesIO(picture)) as image:
        exif, after = image.getexif(), np.asarray(image).astype(int)
    assert after.shape == before.shape == (128, 160, 3)
    assert after[35:75, 45:75].std() < 40 < before[35:75, 45:75].std()  # the noise where the face was
    assert np.abs(after[100:] - before[100:]).mean() < 10
    assert b"the face as it was" not in picture
    assert (exif[0x010F], exif.get(0x0112)) == ("Maker", 1)
    assert exif.get_ifd(0x8825)[2] == (48.0, 51.0, 30.0)
    details = exif.get_ifd(0x8769)
    assert (details[0x9003], details[0xA002], details[0xA003]) == ("2026:09:21 13:11:11", *SIZE)
    [bus] = metadata["annotations"]
    assert bus["shape"] == [10, 10, 150, 110]
    assert {"key": "vehicle", "value": "bus"} in bus["semantics"]


def test_a_picture_without_anything_to_blur_keeps_its_coded_pixels(embedded):
    original = camera_photo()
    response = embedded.client.post("/blur/", files={"picture": original}, data={"classes": "license_plate"})

    assert original[original.index(b"\xff\xc0\x00\x11") :] in response.content
    assert [item["class"] for item in json.loads(response.headers["x-sgblur"])["info"]] == ["bus"]


def test_nothing_is_stored_whatever_the_instance_asks_to_keep(embedded):
    def stored() -> set[Path]:
        return {path for path in embedded.data_dir.rglob("*") if path.is_file() and ".db" not in path.name}

    files, jobs = stored(), embedded.client.get("/jobs").json()
    _, metadata = blurred(embedded, camera_photo(), keep=1)

    assert (metadata["blurring_id"], metadata["kept"]) == (None, False)
    assert (stored(), embedded.client.get("/jobs").json()) == (files, jobs)


def test_an_instance_may_be_told_of_no_vehicles(open_embedded, tmp_path):
    with open_embedded(tmp_path, panoramax_annotations="none") as service:
        assert blurred(service, camera_photo())[1]["annotations"] == []
