"""Deliveries to real servers on this machine, and those that must not be made."""

from __future__ import annotations

import http.server
import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.support.webhook_receiver import receiver, status

from streetveil.errors import InvalidWebhookUrlError, WebhookFailedError, WebhookUnreachableError
from streetveil.webhooks.sender import HttpWebhookSender
from streetveil.webhooks.signing import Signer, tenant_secret

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECRET = "k" * 32
SIGNER = Signer(tenant_secret(SECRET, "acme"))
BODY = b'{"status":"completed"}'


def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
    """A status line that never ends."""
    try:
        for _ in range(1000):
            handler.wfile.write(b"H")
            time.sleep(0.05)
    except OSError:
        pass


def inside(**changes: object) -> HttpWebhookSender:
    """A sender that may reach this machine in the clear."""
    return HttpWebhookSender(SECRET, allow_http=True, allow_private=True, **changes)  # type: ignore[arg-type]


def test_a_message_arrives_signed() -> None:
    with receiver(status(204)) as found:
        inside(user_agent="streetveil/9").send(
            f"http://127.0.0.1:{found.port}/hook?x=1", tenant="acme", message_id="msg-1", body=BODY, now=NOW
        )
    assert found.bodies == [BODY]
    (headers,) = found.headers
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "streetveil/9"
    assert headers["host"] == f"127.0.0.1:{found.port}"
    assert headers.items() >= dict(SIGNER.headers("msg-1", BODY, NOW)).items()


@pytest.mark.parametrize("code", [302, 307, 400, 404, 410, 500, 503])
def test_any_answer_but_2xx_is_a_failure(code: int) -> None:
    with receiver(status(code)) as found, pytest.raises(WebhookFailedError, match=str(code)):
        inside().send(f"http://127.0.0.1:{found.port}/", tenant="acme", message_id="m", body=BODY, now=NOW)


def test_redirects_are_not_followed() -> None:
    with receiver(status(200)) as secret:
        location = f"http://127.0.0.1:{secret.port}/"
        with receiver(status(307, Location=location)) as found, pytest.raises(WebhookFailedError):
            inside().send(f"http://127.0.0.1:{found.port}/", tenant="acme", message_id="m", body=BODY, now=NOW)
    assert secret.bodies == []


def test_a_receiver_that_drips_its_answer_is_cut_off() -> None:
    with receiver(drip) as found, pytest.raises(WebhookUnreachableError):
        inside(timeout_s=0.3).send(f"http://127.0.0.1:{found.port}/", tenant="acme", message_id="m", body=BODY, now=NOW)


def test_nobody_there_is_a_failure_that_may_pass() -> None:
    with receiver(status(200)) as found:
        port = found.port
    with pytest.raises(WebhookUnreachableError) as caught:
        inside().send(f"http://127.0.0.1:{port}/", tenant="acme", message_id="m", body=BODY, now=NOW)
    assert caught.value.retryable


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "[fd00:ec2::254]", "0.0.0.0"]
)
def test_numeric_addresses_inside_are_refused_at_once(host: str) -> None:
    sender = HttpWebhookSender(SECRET)
    with pytest.raises(InvalidWebhookUrlError):
        sender.check(f"https://{host}/")


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["::ffff:127.0.0.1"], ["fe80::1%lo"], []], ids=str
)
def test_a_name_that_leads_inside_is_not_connected_to(addresses: list[str]) -> None:
    with receiver(status(200)) as found:
        sender = HttpWebhookSender(SECRET, allow_http=True, resolve=lambda _host, _port: addresses)
        sender.check(f"http://hooks.example.org:{found.port}/")
        with pytest.raises(WebhookFailedError):
            sender.send(f"http://hooks.example.org:{found.port}/", tenant="acme", message_id="m", body=BODY, now=NOW)
    assert found.bodies == []


def test_the_address_that_was_judged_is_the_one_connected_to() -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with receiver(status(200)) as found:
        inside(resolve=rebinding).send(
            f"http://hooks.test:{found.port}/", tenant="acme", message_id="m", body=BODY, now=NOW
        )
    assert asked == ["hooks.test"]
    assert found.headers[0]["host"] == f"hooks.test:{found.port}"


def test_of_several_addresses_one_that_answers_is_enough() -> None:
    with receiver(status(200)) as found:
        sender = inside(resolve=lambda _host, _port: ["127.0.0.2", "::1", "127.0.0.1"])
        sender.send(f"http://hooks.test:{found.port}/", tenant="acme", message_id="m", body=BODY, now=NOW)
    assert found.bodies == [BODY]


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(status(200)) as proxy, receiver(status(200)) as found:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        inside().send(f"http://127.0.0.1:{found.port}/", tenant="acme", message_id="m", body=BODY, now=NOW)
    assert proxy.bodies == []
    assert found.bodies == [BODY]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for hooks.test and 127.0.0.1, signed by itself, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.test")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("hooks.test"), x509.IPAddress(IPv4Address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    )
    return path


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_over_tls_the_receiver_must_be_who_it_is_called(certificate: Path, server_tls: ssl.SSLContext) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    with receiver(status(200), server_tls) as found:
        sender = inside(tls=trusting, resolve=lambda _host, _port: ["127.0.0.1"])
        sender.send(f"https://hooks.test:{found.port}/", tenant="acme", message_id="m", body=BODY, now=NOW)
        with pytest.raises(WebhookFailedError, match="SSL"):
            sender.send(f"https://other.test:{found.port}/", tenant="acme", message_id="m", body=BODY, now=NOW)
        with pytest.raises(WebhookFailedError, match="SSL"):
            inside(resolve=lambda _host, _port: ["127.0.0.1"]).send(
                f"https://hooks.test:{found.port}/", tenant="acme", message_id="m", body=BODY, now=NOW
            )
    assert found.bodies == [BODY]
