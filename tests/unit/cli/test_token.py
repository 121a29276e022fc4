"""`streetveil token create`: what it prints lets its bearer in, and nothing else is printed."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from streetveil.bootstrap import build_authenticator
from streetveil.domain.access import Principal, Scope
from streetveil.errors import ConfigurationError
from streetveil.settings import Settings

SECRET = "0123456789abcdef0123456789abcdef"
ANN = ("token", "create", "--subject", "ann")


@pytest.fixture
def _secret(streetveil, monkeypatch):
    monkeypatch.setenv("JWT_SECRET", SECRET)


@pytest.mark.usefixtures("_secret")
def test_the_token_lets_its_bearer_in(streetveil, monkeypatch):
    monkeypatch.setenv("JWT_ISSUER", "https://id.test")
    monkeypatch.setenv("JWT_AUDIENCE", "streetveil")
    made = streetveil(*ANN, "--scopes", "upload,read", "--scopes", "read:original", "--tenant", "city-1")
    assert made.exit_code == 0
    assert made.stdout.count("\n") == 1
    chosen = {"auth_mode": "jwt", "jwt_secret": SECRET, "jwt_issuer": "https://id.test", "jwt_audience": "streetveil"}
    authenticate = build_authenticator(Settings.model_validate(chosen))
    assert authenticate is not None
    scopes = frozenset({Scope.UPLOAD, Scope.READ, Scope.READ_ORIGINAL})
    assert authenticate(made.stdout.strip()) == Principal("ann", "city-1", scopes)


@pytest.mark.usefixtures("_secret")
@pytest.mark.parametrize(
    ("text", "lifetime"),
    [
        ("45s", timedelta(seconds=45)),
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("366d", timedelta(366)),
    ],
)
def test_it_holds_as_long_as_is_said(streetveil, text, lifetime):
    claims = _claims(streetveil(*ANN, "--scopes", "read", "--expires", text).stdout)
    assert claims["exp"] - claims["iat"] == lifetime.total_seconds()
    assert abs(claims["iat"] - datetime.now(UTC).timestamp()) < 60


@pytest.mark.usefixtures("_secret")
def test_it_holds_for_a_month_where_nothing_is_said(streetveil):
    claims = _claims(streetveil(*ANN, "--scopes", "read").stdout)
    assert claims["exp"] - claims["iat"] == timedelta(days=30).total_seconds()


@pytest.mark.usefixtures("_secret")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--scopes", "everything"),
        ("--scopes", ""),
        ("--scopes", "read", "--expires", "367d"),
        ("--scopes", "read", "--expires", "never"),
        ("--scopes", "read", "--expires", "0d"),
        ("--scopes", "read", "--expires", "-1d"),
        ("--scopes", "read", "--expires", "99999999999999d"),
        ("--scopes", "read", "--tenant", "../other"),
        ("--scopes", "read", "--subject", ""),
        ("--scopes", "read", "--subject", "x" * 256),
        ("--scopes", "read", "--subject", "a\nb"),
    ],
    ids=str,
)
def test_what_makes_no_sense_makes_no_token(streetveil, arguments):
    refused = streetveil(*ANN, *arguments)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert arguments[-2] in refused.stderr


def test_without_a_key_there_is_no_token(streetveil):
    refused = streetveil(*ANN, "--scopes", "read")
    assert isinstance(refused.exception, ConfigurationError)
    assert "JWT_SECRET" in refused.exception.detail


def test_a_private_key_signs_what_its_public_key_is_known_for(streetveil, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    made = streetveil(*ANN, "--scopes", "admin", "--private-key", tmp_path / "key.pem")
    authenticate = build_authenticator(Settings.model_validate({"auth_mode": "jwt", "jwt_public_key": public}))
    assert authenticate is not None
    assert authenticate(made.stdout.strip()).may(Scope.ERASE)


@pytest.mark.parametrize("content", [b"", b"no key", b"\xff\xfe"])
def test_a_file_that_is_no_key_is_named(streetveil, tmp_path, content):
    (tmp_path / "key.pem").write_bytes(content)
    refused = streetveil(*ANN, "--scopes", "admin", "--private-key", tmp_path / "key.pem")
    assert isinstance(refused.exception, ConfigurationError)


def _claims(token):
    return jwt.decode(token.strip(), SECRET, ["HS256"])
