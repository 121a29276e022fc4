"""What `streetveil serve` listens on, and whom it answers."""

import asyncio
import socket

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from streetveil import bootstrap
from streetveil.cli.serve import _listen, access_policy
from streetveil.domain.access import Scope
from streetveil.errors import ConfigurationError
from streetveil.settings import Settings

SECRET = "0123456789abcdef0123456789abcdef"
PUBLIC_KEY = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
JWKS = {"jwks_url": "https://id.test/keys", "jwt_issuer": "https://id.test", "jwt_audience": "streetveil"}


def test_answers_are_sent_without_waiting_for_acknowledgements():
    async def accepted() -> int:
        asked: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with _listen("127.0.0.1", 0) as listener:
            server = await asyncio.start_server(serve, sock=listener)
            _, writer = await asyncio.open_connection(*listener.getsockname())
            answer = await asyncio.wait_for(asked, 30)
            writer.close()
            await writer.wait_closed()
            server.close()
            await server.wait_closed()
            return answer

    assert asyncio.run(accepted()) != 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_without_tokens_it_listens_on_this_machine_alone(streetveil, host):
    refused = streetveil("serve", "--host", host, "--port", "0")
    assert isinstance(refused.exception, ConfigurationError)
    assert "AUTH_MODE=jwt" in refused.exception.detail
    assert "ALLOW_UNAUTHENTICATED=1" in refused.exception.detail


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1", "127.1"])
def test_addresses_of_this_machine_alone_need_no_tokens(host):
    _listen(host, 0).close()


def test_who_says_so_is_reached_by_others_without_tokens():
    _listen("0.0.0.0", 0, beyond_this_machine=True).close()


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"auth_mode": "jwt"}, "exactly one of JWT_SECRET, JWT_PUBLIC_KEY, JWT_PUBLIC_KEY_FILE, JWKS_URL"),
        ({"auth_mode": "jwt", "jwt_secret": SECRET, "jwt_public_key": PUBLIC_KEY}, "exactly one of"),
        ({"auth_mode": "jwt", "jwt_secret": SECRET[:-1]}, "at least 32 bytes"),
        ({"auth_mode": "jwt", "jwt_secret": PUBLIC_KEY}, "JWT_PUBLIC_KEY_FILE"),
        ({"auth_mode": "jwt", "jwt_public_key": SECRET}, "no public key"),
        ({"auth_mode": "jwt", "jwt_public_key_file": "/no/file"}, "/no/file"),
        ({"auth_mode": "jwt", "jwt_public_key_file": "/dev/zero"}, "no public key"),
        ({"auth_mode": "jwt", **JWKS, "jwks_url": "http://id.test/keys"}, "https"),
        ({"auth_mode": "jwt", **JWKS, "jwt_audience": None}, "JWT_AUDIENCE"),
        ({"auth_mode": "jwt", **JWKS, "jwt_issuer": None}, "JWT_ISSUER"),
        ({"jwt_secret": SECRET}, "AUTH_MODE=jwt"),
        (JWKS, "AUTH_MODE=jwt"),
    ],
)
def test_settings_that_would_let_in_the_wrong_people_are_refused_at_start(chosen, told):
    with pytest.raises(ConfigurationError) as caught:
        access_policy(Settings.model_validate(chosen))
    assert told in caught.value.detail
    assert SECRET[:20] not in caught.value.detail


@pytest.mark.parametrize("chosen", [{"jwt_secret": SECRET}, {"jwt_public_key": PUBLIC_KEY}, JWKS])
def test_any_one_key_makes_it_ask_for_tokens(chosen):
    assert bootstrap.build_authenticator(Settings.model_validate({"auth_mode": "jwt", **chosen})) is not None


def test_a_key_may_be_in_a_file(tmp_path):
    (tmp_path / "key.pem").write_text(PUBLIC_KEY)
    chosen = {"auth_mode": "jwt", "jwt_public_key_file": tmp_path / "key.pem"}
    assert bootstrap.build_authenticator(Settings.model_validate(chosen)) is not None


def test_health_and_metrics_are_as_open_as_they_are_set():
    by_default = access_policy(Settings.model_validate({}))
    assert (by_default.health, by_default.metrics) == (None, Scope.METRICS)
    changed = access_policy(Settings.model_validate({"health_access": "read", "metrics_access": "open"}))
    assert (changed.health, changed.metrics) == (Scope.READ, None)


def test_without_tokens_it_answers_to_its_own_names_alone():
    assert access_policy(Settings.model_validate({"host": "Box.lan"})).own_names == frozenset({"localhost", "box.lan"})
    assert access_policy(Settings.model_validate({"allow_unauthenticated": True})).own_names is None
    assert access_policy(Settings.model_validate({"auth_mode": "jwt", "jwt_secret": SECRET})).own_names is None
