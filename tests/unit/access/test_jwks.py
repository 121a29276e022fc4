"""Published keys: when they are fetched, when they are not, and what serves meanwhile."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.support.http_stub import Answer, HttpStub, Request

from streetveil.access.jwks import RemoteKeys
from streetveil.access.tokens import JwtAuthenticator
from streetveil.errors import ConfigurationError, InvalidTokenError, KeysUnavailableError

URL = "https://id.test/jwks.json"


def published(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, name: str | None, **members: object
) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    entry: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))  # type: ignore[arg-type]
    return entry | ({"kid": name} if name else {}) | members


@dataclass
class Provider:
    """An identity provider that counts how often it is asked."""

    keys: list[dict[str, Any]] = field(default_factory=list)
    down: bool = False
    asked: int = 0

    def __call__(self, url: str) -> Mapping[str, Any]:
        assert url == URL
        self.asked += 1
        if self.down:
            raise OSError("connection refused")
        return {"keys": self.keys}


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider(rsa_key: rsa.RSAPrivateKey) -> Provider:
    return Provider([published(rsa_key, "one")])


@pytest.fixture
def keys(provider: Provider, clock: Clock) -> RemoteKeys:
    return RemoteKeys(URL, fetch=provider, clock=clock)


def test_keys_are_fetched_once_and_again_when_they_are_old(keys: RemoteKeys, provider: Provider, clock: Clock) -> None:
    for _ in range(100):
        assert keys.key("one") is not None
    assert provider.asked == 1
    clock.now += 301
    assert keys.key("one") is not None
    assert provider.asked == 2


def test_a_new_key_is_found_when_a_token_names_it(
    keys: RemoteKeys, provider: Provider, clock: Clock, ec_key: ec.EllipticCurvePrivateKey, now: datetime
) -> None:
    assert keys.key("one") is not None
    provider.keys = [published(ec_key, "two")]
    clock.now += 20
    claims = {"sub": "ann", "exp": now + timedelta(hours=1)}
    token = jwt.encode(claims, ec_key, "ES256", headers={"kid": "two"})
    assert JwtAuthenticator(keys)(token).subject == "ann"
    assert keys.key("one") is None  # and what was withdrawn no longer holds


def test_made_up_names_do_not_flood_the_provider(keys: RemoteKeys, provider: Provider, clock: Clock) -> None:
    for number in range(1000):
        assert keys.key(f"made-up-{number}") is None
        clock.now += 0.01
    assert provider.asked == 1


def test_a_slow_provider_keeps_nobody_waiting_who_can_go_on(clock: Clock, rsa_key: rsa.RSAPrivateKey) -> None:
    asked, answer = threading.Event(), threading.Event()
    documents = [{"keys": [published(rsa_key, "one")]}]

    def fetch(_url: str) -> Mapping[str, Any]:
        if len(documents) > 1:
            asked.set()
            assert answer.wait(30)
        return documents[-1]

    keys = RemoteKeys(URL, fetch=fetch, clock=clock)
    assert keys.key("one") is not None
    documents.append({"keys": [published(rsa_key, "one"), published(rsa_key, "two")]})
    clock.now += 301
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(keys.key, "two")
        try:
            assert asked.wait(30)
            assert keys.key("one") is not None
            with pytest.raises(KeysUnavailableError):
                keys.key("two")
        finally:
            answer.set()
        assert waiting.result() is not None


def test_who_comes_while_the_first_keys_are_fetched_waits_for_them(provider: Provider, clock: Clock) -> None:
    started, answer = threading.Event(), threading.Event()

    def fetch(url: str) -> Mapping[str, Any]:
        started.set()
        assert answer.wait(30)
        return provider(url)

    keys = RemoteKeys(URL, fetch=fetch, clock=clock)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(keys.key, "one") for _ in range(4)]
        assert started.wait(30)
        answer.set()
        assert all(future.result() is not None for future in waiting)
    assert provider.asked == 1


def test_keys_come_over_http_and_bad_answers_are_survived(rsa_key: rsa.RSAPrivateKey, clock: Clock) -> None:
    good = Answer(200, json.dumps({"keys": [published(rsa_key, "one")]}).encode())
    bad = [
        Answer(500, good.body),
        Answer(302, headers={"Location": "/elsewhere"}),
        Answer(200, b"no JSON"),
        Answer(200, b"[" * 100_000),
        Answer(200, b"[]"),
        Answer(200, b" " * (1024 * 1024 + 1)),
    ]
    with HttpStub() as stub:
        keys = RemoteKeys(f"{stub.endpoint}/jwks.json", clock=clock)
        for answer in [good, *bad]:
            stub.answer = partial(_answer, answer)
            clock.now += 301
            assert keys.key("one") is not None
        assert [request.path for request in stub.requests] == ["/jwks.json"] * (1 + len(bad))
    clock.now += 301
    assert keys.key("one") is not None  # and nobody answers at all


def _answer(answer: Answer, _request: Request) -> Answer:
    return answer


def test_while_the_provider_is_down_the_last_keys_serve_for_a_day(
    keys: RemoteKeys, provider: Provider, clock: Clock
) -> None:
    assert keys.key("one") is not None
    provider.down = True
    clock.now += 23 * 3600
    assert keys.key("one") is not None
    clock.now += 2 * 3600
    with pytest.raises(KeysUnavailableError):
        keys.key("one")
    provider.down = False
    clock.now += 20
    assert keys.key("one") is not None


def test_a_provider_that_never_answered_is_not_asked_at_every_request(
    keys: RemoteKeys, provider: Provider, clock: Clock
) -> None:
    provider.down = True
    for _ in range(50):
        with pytest.raises(KeysUnavailableError):
            keys.key("one")
        clock.now += 0.1
    assert provider.asked == 1


def test_an_unusable_set_does_not_replace_a_good_one(keys: RemoteKeys, provider: Provider, clock: Clock) -> None:
    assert keys.key("one") is not None
    provider.keys = []
    clock.now += 301
    assert keys.key("one") is not None


def test_keys_of_other_uses_and_kinds_are_left_out(
    rsa_key: rsa.RSAPrivateKey, ec_key: ec.EllipticCurvePrivateKey, clock: Clock
) -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    provider = Provider(
        [
            published(ec_key, "good"),
            published(rsa_key, "for encryption", use="enc"),
            published(rsa_key, "another algorithm", alg="PS256"),
            published(weak, "weak"),
            {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA", "kid": "shared"},
            {"kty": "RSA", "kid": "broken"},
            published(rsa_key, "none", alg="none"),
            published(rsa_key, "no text", alg=["RS256"]),
            published(rsa_key, "to encrypt with", key_ops=["encrypt"]),
            published(rsa_key, "no list", key_ops="verify"),
        ]
    )
    keys = RemoteKeys(URL, fetch=provider, clock=clock)
    names = [str(key["kid"]) for key in provider.keys]
    assert [name for name in names if keys.key(name)] == ["good"]


def test_a_token_without_a_key_s_name_holds_where_there_is_one_key(
    keys: RemoteKeys, provider: Provider, rsa_key: rsa.RSAPrivateKey, now: datetime
) -> None:
    token = jwt.encode({"sub": "ann", "exp": now + timedelta(hours=1)}, rsa_key, "RS256")
    assert JwtAuthenticator(keys)(token).subject == "ann"
    two = Provider([*provider.keys, published(rsa_key, "again")])
    with pytest.raises(InvalidTokenError):
        JwtAuthenticator(RemoteKeys(URL, fetch=two))(token)


@pytest.mark.parametrize("url", ["http://id.test/jwks", "file:///etc/passwd", "ftp://id.test/", "jwks.json", ""])
def test_addresses_that_anyone_could_answer_for_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        RemoteKeys(url)
