"""Bodies that arrive piece by piece, too long, too slowly or not to the end: over real sockets."""

import socket
import time

import httpx
import pytest

from streetveil.errors import StalledRequestError

MEBIBYTE = 1024 * 1024
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.fixture
def connection(service):
    with socket.create_connection(service.host_and_port, timeout=10) as connection:
        yield connection


def request_head(*headers: str, path: str = "/upload") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: test", "Content-Type: multipart/form-data; boundary=b", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def answer_of(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection or has nothing more to say."""
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
        if b"\r\n\r\n" in answer and answer.endswith(b"}"):
            break
    return answer


def test_a_body_without_a_declared_length_is_read(client, world, photo):
    def body():
        yield HEAD
        for start in range(0, len(photo), 100):
            yield photo[start : start + 100]
        yield b"\r\n--b--\r\n"

    response = client.post("/upload", content=body(), headers=FORM)

    assert response.status_code == 202
    assert world.originals[response.json()["job_id"]] == photo


@pytest.mark.parametrize("path", ["/upload", "/redact"])
def test_a_body_that_grows_past_the_limit_is_refused_before_it_ends(client, world, photo, path):
    sent = 0

    def body():
        nonlocal sent
        yield HEAD + photo
        for _ in range(200):
            sent += MEBIBYTE
            yield bytes(MEBIBYTE)

    response = client.post(path, content=body(), headers=FORM)

    assert (response.status_code, response.json()["code"]) == (413, "file_too_large")
    assert sent < 100 * MEBIBYTE
    assert world.jobs == {}


def test_a_declared_length_over_the_limit_is_refused_before_anything_is_sent(connection):
    connection.sendall(request_head("Content-Length: 1000000000", "Expect: 100-continue"))
    answer = answer_of(connection)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"100 Continue" not in answer
    assert b"file_too_large" in answer


def test_text_is_refused_after_its_first_bytes(connection):
    connection.sendall(request_head("Content-Length: 1000000") + HEAD + b"Dear diary, " * 1000)

    assert b"unsupported_format" in answer_of(connection)


def test_a_bomb_is_refused_after_its_header(connection):
    header = b"BM" + bytes(8) + b"\x36\x00\x00\x00\x28\x00\x00\x00" + (60_000).to_bytes(4, "little") * 2
    connection.sendall(request_head("Content-Length: 2000000") + HEAD + header + b"\x01\x00\x18\x00" + bytes(10_000))

    assert b"too_many_pixels" in answer_of(connection)


def test_a_client_that_sends_everything_first_can_read_why_it_is_refused(connection):
    connection.sendall(request_head("Content-Length: 3000000") + HEAD)
    for _ in range(29):
        connection.sendall(b"no picture" * 10_000)
        time.sleep(0.005)  # the refusal comes while this client is still sending

    assert b"unsupported_format" in answer_of(connection)


def test_a_client_that_goes_away_leaves_nothing_behind(service, world, photo):
    with socket.create_connection(service.host_and_port, timeout=10) as connection:
        connection.sendall(request_head("Content-Length: 3000000") + HEAD + photo + bytes(2 * MEBIBYTE))
        deadline = time.monotonic() + 5
        while not service.open_spool_files() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert service.open_spool_files() != []
    deadline = time.monotonic() + 5
    while service.open_spool_files() and time.monotonic() < deadline:
        time.sleep(0.01)

    assert service.open_spool_files() == []
    assert world.jobs == {}


def test_a_body_that_ends_without_its_closing_boundary_is_refused(client, world, photo):
    response = client.post("/upload", content=HEAD + photo, headers=FORM)

    assert (response.status_code, response.json()["code"]) == (400, "malformed_request")
    assert world.jobs == {}


def test_a_client_that_stops_sending_is_given_up(connection, photo):
    connection.sendall(request_head("Content-Length: 3000000") + HEAD + photo)
    answer = answer_of(connection)

    assert answer.startswith(b"HTTP/1.1 408")
    assert StalledRequestError.code.encode() in answer


def test_endless_line_breaks_before_the_first_boundary_are_refused(client):
    def body():
        for _ in range(200):
            yield b"\r\n" * (MEBIBYTE // 2)

    response = client.post("/upload", content=body(), headers=FORM)

    assert (response.status_code, response.json()["code"]) == (413, "file_too_large")


def test_after_a_complete_refusal_the_connection_can_be_used_again(client):
    for _ in range(3):
        response = client.post("/upload", files={"file": ("a.jpg", b"no picture")})
        assert response.status_code == 415
        assert "close" not in response.headers.get("Connection", "")


def test_requests_are_answered_while_an_upload_is_under_way(service, connection, photo):
    connection.sendall(request_head("Transfer-Encoding: chunked") + chunk(HEAD + photo))

    assert httpx.get(f"{service.address}/queue-status").status_code == 200

    connection.sendall(chunk(b"\r\n--b--\r\n") + b"0\r\n\r\n")
    assert b"202 Accepted" in answer_of(connection)


def test_a_request_whose_end_can_be_read_in_two_ways_is_the_last_of_its_connection(connection):
    hidden = b"GET /health/live HTTP/1.1\r\nHost: test\r\n\r\n"
    head = request_head("Transfer-Encoding: chunked", f"Content-Length: {5 + len(hidden)}")
    connection.sendall(head + b"0\r\n\r\n" + hidden)
    answers = b""
    while piece := connection.recv(65536):
        answers += piece
    assert answers.startswith(b"HTTP/1.1 400")
    assert b"malformed_request" in answers
    assert answers.count(b"HTTP/1.1") == 1
