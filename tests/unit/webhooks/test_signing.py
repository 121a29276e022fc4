from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from streetveil.errors import ConfigurationError
from streetveil.webhooks.signing import Signer, tenant_secret

KEY = b"k" * 32
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("secret", ["k" * 32, "whsec_" + base64.b64encode(KEY).decode()])
def test_a_receiver_with_the_secret_computes_the_same_signature(secret: str) -> None:
    headers = Signer(secret).headers("msg-1", b'{"a":1}', NOW)
    text = b"msg-1." + headers["webhook-timestamp"].encode() + b'.{"a":1}'
    expected = base64.b64encode(hmac.new(KEY, text, hashlib.sha256).digest()).decode()
    assert headers["webhook-id"] == "msg-1"
    assert headers["webhook-timestamp"] == "1795435200"
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_the_signature_holds_for_this_body_id_and_time_alone() -> None:
    signer = Signer("k" * 32)
    first = signer.headers("a", b"{}", NOW)["webhook-signature"]
    assert signer.headers("b", b"{}", NOW)["webhook-signature"] != first
    assert signer.headers("a", b"[]", NOW)["webhook-signature"] != first
    assert signer.headers("a", b"{}", NOW.replace(second=1))["webhook-signature"] != first


@pytest.mark.parametrize("secret", ["", "k" * 23, "whsec_AAAA", "whsec_" + base64.b64encode(KEY).decode() + "*"])
def test_weak_and_broken_secrets_are_refused_without_being_repeated(secret: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Signer(secret)
    assert not secret or secret not in caught.value.detail


def test_a_secret_of_24_bytes_is_enough() -> None:
    assert Signer("k" * 24).headers("msg-1", b"{}", NOW)["webhook-signature"].startswith("v1,")


def test_no_tenant_can_sign_for_another() -> None:
    secrets = {tenant_secret("k" * 32, tenant) for tenant in ("default", "acme", "acme2")}
    assert len(secrets | {"k" * 32}) == 4
    signatures = {Signer(secret).headers("m", b"{}", NOW)["webhook-signature"] for secret in secrets}
    assert len(signatures) == 3
    assert tenant_secret("k" * 32, "acme") in secrets
