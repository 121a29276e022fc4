"""Tokens that hold, and every way we know in which one does not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from streetveil.access.issue import TokenIssuer
from streetveil.access.keys import OneKey, public_key, shared_secret
from streetveil.access.tokens import MAX_TOKEN_BYTES, JwtAuthenticator
from streetveil.domain.access import DEFAULT_TENANT, Principal, Scope
from streetveil.errors import ConfigurationError, InvalidTokenError

SECRET = "0123456789abcdef0123456789abcdef"
ANN = Principal("ann", "city", frozenset({Scope.UPLOAD, Scope.READ_ORIGINAL}))
HOUR = timedelta(hours=1)


DEEP = base64.urlsafe_b64encode(b"[" * 6000).decode() + ".e30.e30"


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def authenticate() -> JwtAuthenticator:
    return JwtAuthenticator(OneKey(shared_secret(SECRET)), issuer="https://id.test", audience="streetveil")


def claims_of(now: datetime, **changes: object) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "sub": "ann",
        "iss": "https://id.test",
        "aud": "streetveil",
        "exp": int((now + HOUR).timestamp()),
        "scope": "upload",
    }
    claims |= changes
    return {name: value for name, value in claims.items() if value is not None}


def signed(claims: dict[str, Any], **header: object) -> str:
    return jwt.encode(claims, SECRET, "HS256", headers=dict(header))


def by_hand(header: dict[str, object], claims: dict[str, Any], secret: bytes | None) -> str:
    """A token as no library would make it."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    text = b".".join(parts)
    signature = b"" if secret is None else hmac.new(secret, text, hashlib.sha256).digest()
    return (text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


@pytest.mark.parametrize("kind", ["secret", "rsa", "ec"])
def test_a_token_tells_who_its_bearer_is(
    kind: str, rsa_key: rsa.RSAPrivateKey, ec_key: ec.EllipticCurvePrivateKey, now: datetime
) -> None:
    names = {"issuer": "https://id.test", "audience": "streetveil"}
    if kind == "secret":
        issuer, key = TokenIssuer.with_secret(SECRET, **names), shared_secret(SECRET)
    else:
        private = rsa_key if kind == "rsa" else ec_key
        issuer = TokenIssuer.with_private_key(private_pem_of(private), **names)
        key = public_key(pem_of(private))
    token = issuer.token(ANN, now=now, lifetime=HOUR)
    assert JwtAuthenticator(OneKey(key), issuer=names["issuer"], audience=names["audience"])(token) == ANN


def test_a_token_without_a_tenant_is_of_the_default_one(authenticate: JwtAuthenticator, now: datetime) -> None:
    assert authenticate(signed(claims_of(now))).tenant == DEFAULT_TENANT


def test_scopes_may_be_a_text_or_a_list_and_unknown_ones_say_nothing(
    authenticate: JwtAuthenticator, now: datetime
) -> None:
    token = signed(claims_of(now, scope="upload openid", scopes=["erase", "everything"]))
    assert authenticate(token).scopes == {Scope.UPLOAD, Scope.ERASE}


@pytest.mark.parametrize("scope", [None, 7, {"admin": True}, ["admin"]])
def test_scopes_of_another_shape_allow_nothing(authenticate: JwtAuthenticator, now: datetime, scope: object) -> None:
    assert authenticate(signed(claims_of(now, scope=scope))).scopes == frozenset()


@pytest.mark.parametrize("space", ["\u00a0", "\t", "\n", "\u2003", ","])
def test_nothing_but_a_space_stands_between_scopes(authenticate: JwtAuthenticator, now: datetime, space: str) -> None:
    assert authenticate(signed(claims_of(now, scope=f"upload read{space}admin"))).scopes == {Scope.UPLOAD}


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"exp": None},
        {"exp": "never"},
        {"exp": "4000000000"},
        {"nbf": "1"},
        {"iat": True},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000},
        {"iss": "https://other.test"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"tenant": "../default"},
        {"tenant": 5},
        {"tenant": ""},
    ],
    ids=str,
)
def test_a_token_with_wrong_claims_does_not_hold(
    authenticate: JwtAuthenticator, now: datetime, changes: dict[str, object]
) -> None:
    with pytest.raises(InvalidTokenError):
        authenticate(signed(claims_of(now, **changes)))


@pytest.mark.parametrize("subject", ["x", "x" * 255])
def test_a_subject_has_1_to_255_characters(authenticate: JwtAuthenticator, now: datetime, subject: str) -> None:
    assert authenticate(signed(claims_of(now, sub=subject))).subject == subject


@pytest.mark.parametrize(("late_s", "holds"), [(20, True), (40, False)])
def test_clocks_may_be_half_a_minute_apart(
    authenticate: JwtAuthenticator, now: datetime, late_s: int, holds: bool
) -> None:
    token = signed(claims_of(now, exp=int(now.timestamp()) - late_s))
    if holds:
        assert authenticate(token).subject == "ann"
    else:
        with pytest.raises(InvalidTokenError, match="expired"):
            authenticate(token)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_a_token_that_nobody_signed_does_not_hold(
    authenticate: JwtAuthenticator, now: datetime, algorithm: str
) -> None:
    with pytest.raises(InvalidTokenError):
        authenticate(by_hand({"alg": algorithm, "typ": "JWT"}, claims_of(now), None))


def test_a_public_key_never_serves_as_a_shared_secret(rsa_key: rsa.RSAPrivateKey, now: datetime) -> None:
    pem = pem_of(rsa_key)
    authenticate = JwtAuthenticator(OneKey(public_key(pem)), audience="streetveil")
    forged = by_hand({"alg": "HS256", "typ": "JWT"}, claims_of(now), pem.encode())
    with pytest.raises(InvalidTokenError):
        authenticate(forged)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_only_the_key_s_own_algorithm_is_taken(authenticate: JwtAuthenticator, now: datetime, algorithm: str) -> None:
    long = SECRET * 2
    with pytest.raises(InvalidTokenError):
        JwtAuthenticator(OneKey(shared_secret(long)), audience="streetveil")(
            jwt.encode(claims_of(now), long, algorithm)
        )


def test_a_key_inside_the_token_is_not_believed(rsa_key: rsa.RSAPrivateKey, now: datetime) -> None:
    ours = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    own = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key.public_key()))
    forged = jwt.encode(
        claims_of(now), rsa_key, "RS256", headers={"jwk": own, "jku": "https://evil.test/", "x5u": "https://evil.test/"}
    )
    with pytest.raises(InvalidTokenError):
        JwtAuthenticator(OneKey(public_key(pem_of(ours))), audience="streetveil")(forged)


def test_a_token_that_demands_what_we_do_not_know_does_not_hold(authenticate: JwtAuthenticator, now: datetime) -> None:
    with pytest.raises(InvalidTokenError):
        authenticate(by_hand({"alg": "HS256", "crit": ["exp2"], "exp2": 1}, claims_of(now), SECRET.encode()))


def test_a_changed_token_does_not_hold(authenticate: JwtAuthenticator, now: datetime) -> None:
    header, body, signature = signed(claims_of(now)).split(".")
    changed = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed["scope"] = "admin"
    forged = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
    with pytest.raises(InvalidTokenError):
        authenticate(f"{header}.{forged}.{signature}")


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b.c", "é.ü.ö", "x" * (MAX_TOKEN_BYTES + 1), "\x00", "e30.e30.e30", DEEP]
)
def test_what_is_no_token_is_refused_without_being_repeated(authenticate: JwtAuthenticator, text: str) -> None:
    with pytest.raises(InvalidTokenError) as caught:
        authenticate(text)
    assert len(text) < 3 or text not in caught.value.detail


def test_a_token_for_somebody_is_not_for_a_service_that_has_no_name(now: datetime) -> None:
    authenticate = JwtAuthenticator(OneKey(shared_secret(SECRET)))
    assert authenticate(signed(claims_of(now, aud=None))).subject == "ann"
    with pytest.raises(InvalidTokenError):
        authenticate(signed(claims_of(now, aud="another")))


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
def test_times_that_are_none_do_not_hold(
    authenticate: JwtAuthenticator, now: datetime, claim: str, number: float
) -> None:
    with pytest.raises(InvalidTokenError):
        authenticate(signed(claims_of(now, **{claim: number})))


def test_times_beyond_all_calendars_are_times(authenticate: JwtAuthenticator, now: datetime) -> None:
    assert authenticate(signed(claims_of(now, exp=10**400))).subject == "ann"
    for claim in ("nbf", "iat"):
        with pytest.raises(InvalidTokenError, match="not valid yet"):
            authenticate(signed(claims_of(now, **{claim: 10**400})))


def test_short_secrets_and_weak_keys_are_refused_at_start() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for make in (
        lambda: shared_secret("short"),
        lambda: shared_secret("secret" * 6),
        lambda: shared_secret(pem_of(weak)),
        lambda: public_key("no key"),
        lambda: public_key(pem_of(weak)),
        lambda: public_key(pem_of(ec.generate_private_key(ec.SECP384R1()))),
        lambda: TokenIssuer.with_private_key(b"no key"),
        lambda: TokenIssuer.with_private_key(private_pem_of(weak)),
    ):
        with pytest.raises(ConfigurationError):
            make()
