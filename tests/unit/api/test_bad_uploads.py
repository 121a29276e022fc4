"""Whatever comes in: a clear error with a stable code, nothing left behind, and the service keeps serving.

The `service` fixture checks the last two after every test.
"""

import struct
import zlib

import pytest

BOUNDARY = "frontier"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(disposition: str, content: bytes) -> bytes:
    return f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def bomb_jpeg() -> bytes:
    frame = struct.pack(">BHHB", 8, 60_000, 60_000, 3) + b"\x01\x22\x00\x02\x11\x01\x03\x11\x01"
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xda"


@pytest.fixture(params=["/upload", "/redact"])
def path(request):
    return request.param


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "empty_file"),
        (b"Dear diary, this is no picture.", 415, "unsupported_format"),
        (b"x", 415, "unsupported_format"),
        (b"\xff\xd8\xff", 422, "undecodable_image"),
        (bomb_jpeg(), 422, "too_many_pixels"),
        (png_header(60_000, 60_000), 422, "too_many_pixels"),
        (png_header(60_000, 60_000) + bytes(2_000_000), 422, "too_many_pixels"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 100, 422, "undecodable_image"),
        (bytes(4 * 1024 * 1024), 413, "file_too_large"),
    ],
    ids=["empty", "text", "one byte", "cut jpeg", "jpeg bomb", "png bomb", "long png bomb", "broken png", "too long"],
)
def test_a_file_that_cannot_be_taken_is_refused(client, world, path, content, status, code):
    response = client.post(path, files={"file": ("street.jpg", content, "image/jpeg")})

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["X-Request-ID"]
    assert world.jobs == {}
    assert world.redacted == []


def test_a_picture_that_grows_past_the_limit_is_refused(client, photo, path):
    response = client.post(path, files={"file": ("a.jpg", photo + bytes(3 * 1024 * 1024))})

    assert (response.status_code, response.json()["code"]) == (413, "file_too_large")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"style": "watercolour"}, "gaussian, pixelate, solid"),
        ({"classes": "face,dog"}, "face"),
        ({"classes": "bus"}, "face, license_plate"),
        ({"profile": "fastest"}, "balanced"),
        ({"metadata": "some"}, "keep"),
        ({"face_confidence": "1.01"}, "0 to 1"),
        ({"face_confidence": "-0.1"}, "0 to 1"),
        ({"plate_confidence": "nan"}, "0 to 1"),
        ({"car_confidence": "inf"}, "0 to 1"),
        ({"car_confidence": "high"}, "0 to 1"),
        ({"stlye": "solid"}, "unknown field 'stlye'"),
    ],
)
def test_an_option_that_is_not_allowed_is_refused_and_says_what_is(client, world, photo, path, fields, named):
    response = client.post(path, files={"file": ("a.jpg", photo)}, data=fields)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_option")
    assert named in response.json()["detail"]
    assert world.jobs == {}


@pytest.mark.parametrize("address", ["/upload", "/batch-upload", "/redact", "/blur/"])
def test_an_option_in_the_address_is_refused_and_not_passed_over(client, world, photo, address):
    name = {"/batch-upload": "files", "/blur/": "picture"}.get(address, "file")
    response = client.post(f"{address}?style=solid&utm=1", files={name: ("a.jpg", photo)})

    assert (response.status_code, response.json()["code"]) == (422, "invalid_option")
    assert response.json()["detail"].startswith("style: options are fields of the form")
    assert world.jobs == {}


def test_an_option_given_twice_is_refused(client, photo, path):
    twice = [("file", ("a.jpg", photo)), ("style", (None, "solid")), ("style", (None, "gaussian"))]
    response = client.post(path, files=twice)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_option")


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"Content-Type": "application/json"}, b"{}", "malformed_request"),
        ({}, b"", "malformed_request"),
        ({"Content-Type": "multipart/form-data"}, part('form-data; name="file"', b"x") + END, "malformed_request"),
        ({"Content-Type": "multipart/form-data; boundary=" + "x" * 300}, b"x", "malformed_request"),
        (FORM, b"", "malformed_request"),
        (FORM, b"this is no form", "malformed_request"),
        (FORM, b"\r\n" * 1000, "malformed_request"),
        (FORM, END, "missing_field"),
        (FORM, part('form-data; name="style"', b"solid") + END, "missing_field"),
        (FORM, part('form-data; name="picture"; filename="a.jpg"', b"x") + END, "missing_field"),
        (FORM, part('form-data; name="file"; filename="a.jpg"', b"x"), "malformed_request"),
        (FORM, part('form-data; filename="a.jpg"', b"x") + END, "malformed_request"),
        (FORM, part('attachment; name="file"', b"x") + END, "malformed_request"),
        (FORM, part('form-data; name="file"; filename="a', b"x") + END, "malformed_request"),
        (FORM, part('form-data; name="file"; name="style"', b"x") + END, "malformed_request"),
        (FORM, part("form-data; name=\"file\"; filename*=utf-16''a", b"x") + END, "malformed_request"),
        (FORM, f"--{BOUNDARY}\r\nno colon in here\r\n\r\n".encode() + END, "malformed_request"),
        (FORM, f"--{BOUNDARY}\r\n\r\nno headers\r\n".encode() + END, "malformed_request"),
        (FORM, f"--{BOUNDARY}\r\nX: {'x' * 70_000}\r\n\r\n".encode() + END, "malformed_request"),
        (FORM, f"--{BOUNDARY}\r\n{'X: y' + chr(13) + chr(10)}".encode() * 20 + b"\r\n" + END, "malformed_request"),
        (FORM, part('form-data; name="style"', b"s" * 5000) + END, "malformed_request"),
        (FORM, part('form-data; name="style"', b"\xff\xfe") + END, "malformed_request"),
        (FORM, part('form-data; name="classes"', b"face") * 40 + END, "malformed_request"),
    ],
)
def test_a_broken_form_is_refused(client, world, path, headers, body, code):
    response = client.post(path, content=body, headers=headers)

    assert (response.status_code, response.json()["code"]) == (400, code)
    assert world.jobs == {}


def test_two_files_where_one_is_wanted_are_refused(client, photo, path):
    response = client.post(path, files=[("file", ("a.jpg", photo)), ("file", ("b.jpg", photo))])

    assert (response.status_code, response.json()["code"]) == (400, "malformed_request")


@pytest.mark.parametrize(
    "name",
    [
        "x" * 10_000 + ".jpg",
        "../../../etc/passwd",
        "..\\..\\boot.ini",
        "photos/../../secret.jpg",
        "nul\x00byte.jpg",
        "bell\x07.jpg",
    ],
)
def test_a_hostile_file_name_is_refused(client, world, photo, path, name):
    body = part(f'form-data; name="file"; filename="{name}"', photo) + END
    response = client.post(path, content=body, headers=FORM)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_filename")
    assert world.jobs == {}


def test_a_file_name_cannot_inject_headers(client, world, photo, path):
    disposition = 'form-data; name="file"; filename="a.jpg"; filename*=UTF-8\'\'a%0D%0ASet-Cookie:%20x=1'
    response = client.post(path, content=part(disposition, photo) + END, headers=FORM)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_filename")


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('filename="holiday/street.jpg"', "street.jpg"),
        ('filename="C:\\Users\\me\\street.jpg"', "street.jpg"),
        ('filename="Straße.jpg"', "Straße.jpg"),
        ("filename=\"Stra_e.jpg\"; filename*=UTF-8''Stra%C3%9Fe.jpg", "Straße.jpg"),
        ('filename="say \\"hi\\".jpg"', 'say "hi".jpg'),
        ("filename=street.jpg", "street.jpg"),
        ('filename=""', "unnamed"),
        ('filename="."', "unnamed"),
    ],
)
def test_an_unusual_but_harmless_file_name_is_kept(client, world, photo, disposition, name):
    body = part(f'form-data; name="file"; {disposition}', photo) + END
    response = client.post("/upload", content=body, headers=FORM)

    assert response.status_code == 202, response.text
    assert response.json()["filename"] == name


def test_a_file_without_a_name_is_taken(client, photo):
    response = client.post("/upload", content=part('form-data; name="file"', photo) + END, headers=FORM)

    assert (response.status_code, response.json()["filename"]) == (202, "unnamed")


def test_in_a_batch_a_hostile_file_name_fails_alone(client, photo):
    body = b"".join(
        part(f'form-data; name="files"; filename="{name}"', photo) for name in ("../../a.jpg", "b.jpg", "c" * 10_000)
    )
    answer = client.post("/batch-upload", content=body + END, headers=FORM).json()

    assert [job.get("error", {}).get("code") for job in answer["jobs"]] == [
        "invalid_filename",
        None,
        "invalid_filename",
    ]


def test_a_batch_over_its_bytes_is_refused_whole(client, world, photo):
    files = [("files", (f"{number}.jpg", photo + bytes(2_500_000))) for number in range(3)]
    response = client.post("/batch-upload", files=files)

    assert (response.status_code, response.json()["code"]) == (413, "file_too_large")
    assert world.jobs == {}


def test_a_batch_without_files_is_refused(client):
    response = client.post("/batch-upload", files=[("style", (None, "solid"))])

    assert (response.status_code, response.json()["code"]) == (400, "missing_field")
