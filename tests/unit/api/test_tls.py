"""A server with a certificate of its own."""

import socket
import ssl
import threading
from contextlib import suppress

import pytest
from tests.support.certificates import self_signed

from streetveil.api.tls import server_context
from streetveil.errors import ConfigurationError


def greet(context, certificate, *, most=None, ciphers="ALL:@SECLEVEL=0"):
    """What a client and a server of that context agree on: (version, cipher)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def serve():
            with suppress(OSError), listener.accept()[0] as connection:
                connection.settimeout(30)
                with context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(1)

        server = threading.Thread(target=serve)
        server.start()
        try:
            client = ssl.create_default_context(cafile=certificate)
            if most is not None:
                client.minimum_version = client.maximum_version = most
                client.set_ciphers(ciphers)
            with (
                socket.create_connection(listener.getsockname(), timeout=30) as connection,
                client.wrap_socket(connection, server_hostname="127.0.0.1") as secured,
            ):
                cipher = secured.cipher()
                assert cipher is not None
                return secured.version(), cipher[0]
        finally:
            server.join()


@pytest.fixture
def pair(tmp_path):
    return self_signed(tmp_path)


def test_clients_see_the_certificate_and_speak_the_newest_tls(pair):
    assert greet(server_context(*pair), pair[0])[0] == "TLSv1.3"


def test_tls_12_is_spoken_with_forward_secrecy_alone(pair):
    version, cipher = greet(server_context(*pair), pair[0], most=ssl.TLSVersion.TLSv1_2)

    assert version == "TLSv1.2"
    assert cipher.startswith("ECDHE-")
    assert "GCM" in cipher or "CHACHA20" in cipher


def test_a_client_that_knows_only_ciphers_without_authentication_of_what_is_sent_is_refused(pair):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        greet(server_context(*pair), pair[0], most=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-SHA256")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_what_is_older_is_refused(pair):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        greet(server_context(*pair), pair[0], most=ssl.TLSVersion.TLSv1_1)


def test_the_key_may_stand_in_the_file_of_the_certificate(pair, tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(pair[0].read_bytes() + pair[1].read_bytes())

    assert greet(server_context(both), pair[0])[0] == "TLSv1.3"


def test_an_encrypted_key_takes_its_password_and_asks_nobody(tmp_path):
    certificate, key = self_signed(tmp_path, password="right")

    assert greet(server_context(certificate, key, "right"), certificate)[0] == "TLSv1.3"
    for password in ("wrong", None):
        with pytest.raises(ConfigurationError, match="TLS_KEY_PASSWORD"):
            server_context(certificate, key, password)


def test_files_that_cannot_be_used_are_refused(pair, tmp_path):
    other = self_signed(tmp_path / "other")
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(ConfigurationError, match=r"TLS_CERTIFICATE names .*none, which is no file"):
        server_context(tmp_path / "none", pair[1])
    with pytest.raises(ConfigurationError, match=r"TLS_KEY names .*none, which is no file"):
        server_context(pair[0], tmp_path / "none")
    for certificate, key in ((pair[0], other[1]), (pair[0], None), (empty, pair[1]), (pair[1], pair[0])):
        with pytest.raises(ConfigurationError, match="must be files in PEM"):
            server_context(certificate, key)
