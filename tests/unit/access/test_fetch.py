"""How published keys are fetched: from who proves to be the one that was asked, and in bounded time."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.support.certificates import self_signed
from tests.support.http_stub import Answer, HttpStub, Request

from streetveil.access.fetch import fetch_json

SOON_S = 0.3


@contextmanager
def dribbling(beginning: bytes) -> Iterator[int]:
    """The port of a server that answers with these bytes and then with one more now and then, until it is cut off."""
    cut_off = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(1)
            connection.sendall(beginning)
            while not cut_off.wait(SOON_S / 10):
                connection.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            cut_off.set()
            thread.join()


@pytest.mark.parametrize(
    ("scheme", "beginning"),
    [
        ("http", b""),
        ("http", b"HTTP/1.1 200 OK\r\nX-Long: "),
        ("http", b"HTTP/1.1 200 OK\r\n\r\n"),
        # The head of a TLS record of 16,000 bytes with a handshake message.
        ("https", b"\x16\x03\x03\x3e\x80\x02"),
    ],
    ids=["status line", "head", "body", "handshake"],
)
def test_who_dribbles_is_given_up_wherever_it_is(scheme: str, beginning: bytes) -> None:
    with dribbling(beginning) as port, pytest.raises((OSError, http.client.HTTPException)):
        fetch_json(f"{scheme}://127.0.0.1:{port}/", deadline_s=SOON_S)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_must_be_of_an_authority_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    certificate, key = self_signed(tmp_path)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    with HttpStub(_keys, tls=tls) as stub:
        if trusted:
            assert fetch_json(stub.endpoint) == {"keys": []}
            with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
                fetch_json(f"https://localhost:{stub.port}")  # another name than the certificate's
        else:
            with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
                fetch_json(stub.endpoint)


def _keys(_request: Request) -> Answer:
    return Answer(body=b'{"keys": []}')
