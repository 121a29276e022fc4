"""`streetveil webhook secret`: what receivers check signatures with, and nothing from which others' could be made."""

import base64

import pytest

from streetveil.errors import ConfigurationError

SECRET = "0123456789abcdef0123456789abcdef"


def test_each_tenant_has_a_secret_of_its_own_that_stays_the_same(streetveil, monkeypatch):
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    shown = [
        streetveil("webhook", "secret", *more).stdout for more in ((), ("--tenant", "default"), ("--tenant", "city-1"))
    ]
    assert shown[0] == shown[1] != shown[2]
    for text in shown:
        assert text.count("\n") == 1
        assert len(base64.b64decode(text.strip().removeprefix("whsec_"))) == 32
        assert SECRET not in text


def test_a_tenant_that_cannot_be_is_refused(streetveil, monkeypatch):
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    assert streetveil("webhook", "secret", "--tenant", "No Such").exit_code == 2


@pytest.mark.parametrize("secret", [None, "short"])
def test_without_a_usable_secret_it_says_what_to_do(streetveil, monkeypatch, secret):
    if secret is not None:
        monkeypatch.setenv("WEBHOOK_SECRET", secret)
    result = streetveil("webhook", "secret")
    assert isinstance(result.exception, ConfigurationError)
    assert "WEBHOOK_SECRET" in str(result.exception)
    assert "openssl rand" in str(result.exception)
