"""Secrets from files, and those that the service refuses."""

import json

import pytest
from tests.unit.settings.conftest import SECRET, refusal

from streetveil.settings import Settings, load_settings
from streetveil.settings.secrets import is_widely_known

KNOWN = "streetveil-dev-streetveil-dev-streetveil-dev"
SECRETS = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]


def secret_file(folder, content=f"{SECRET}\n", name="secret"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def value(loaded, name):
    return getattr(loaded.settings, name).get_secret_value()


def test_there_are_secrets():
    assert {"database_url", "redis_url", "aws_secret_access_key", "jwt_secret"} <= set(SECRETS)


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_can_come_from_a_file_and_a_line_end_is_no_part_of_it(places, monkeypatch, name):
    monkeypatch.setenv(f"{name}_file".upper(), secret_file(places, f"{SECRET} \r\n"))

    loaded = load_settings()

    assert value(loaded, name) == f"{SECRET} "
    assert loaded.origins[name] == f"environment: {name.upper()}_FILE"


def test_a_file_may_be_named_in_every_place_and_the_higher_place_wins(places, monkeypatch):
    aws = {"aws_secret_access_key_file": secret_file(places, "from-config", "1")}
    config = {"redis_url_file": secret_file(places, "redis://config", "2"), "jwt_secret": "j" * 40, "aws_config": aws}
    (places / "c.json").write_text(json.dumps(config))
    (places / ".env").write_text(f"PIPELINE_CONFIG=c.json\nJWT_SECRET_FILE={secret_file(places, 'e' * 40, '3')}\n")
    monkeypatch.setenv("REDIS_URL", "redis://environment")

    loaded = load_settings()

    assert (value(loaded, "redis_url"), loaded.origins["redis_url"]) == ("redis://environment", "environment")
    assert (value(loaded, "jwt_secret"), loaded.origins["jwt_secret"]) == ("e" * 40, ".env: JWT_SECRET_FILE")
    assert value(loaded, "aws_secret_access_key") == "from-config"
    assert loaded.origins["aws_secret_access_key"] == "PIPELINE_CONFIG c.json: AWS_SECRET_ACCESS_KEY_FILE"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (f"{SECRET}\xff".encode("latin-1"), "is not text in UTF-8"),
        (SECRET * 4000, "is too large"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(places, monkeypatch, content, told):
    monkeypatch.setenv("REDIS_URL_FILE", secret_file(places, content))

    assert f"REDIS_URL_FILE (from environment) names a file that {told}" in refusal()


def test_a_file_that_cannot_be_read_is_refused_without_repeating_what_stands_there(places, monkeypatch):
    monkeypatch.setenv("DATABASE_URL_FILE", f"mysql://u:{SECRET}@host/db")

    assert "cannot be read: No such file or directory" in refusal()


def test_a_place_that_gives_both_the_value_and_the_file_is_refused(places, monkeypatch):
    monkeypatch.setenv("JWT_SECRET_FILE", secret_file(places))
    monkeypatch.setenv("JWT_SECRET", SECRET)

    assert "JWT_SECRET and JWT_SECRET_FILE are both set (from environment)" in refusal()


def test_an_empty_variable_names_no_file(monkeypatch):
    monkeypatch.setenv("JWT_SECRET_FILE", "")

    assert load_settings().settings.jwt_secret is None


@pytest.mark.parametrize(
    "known",
    [
        "streetveil-dev",
        "streetveil-dev-secret",
        "ChangeMe",
        "a-string-secret-at-least-256-bits-long",
        "mysql+pymysql://streetveil:streetveil-dev@mysql:3306/streetveil",
        "mysql+pymysql://root:p%61ssword@db/x?ssl_ca=ca.pem",
        "redis://:streetveil-dev@redis:6379/0",
        "redis+sentinel://:fine-and-long@a:1,b:2/name?sentinel_password=redis",
    ],
)
def test_passwords_that_everybody_knows_are_known(known):
    assert is_widely_known(known)


@pytest.mark.parametrize(
    "own",
    [
        SECRET,
        f"mysql+pymysql://root:{SECRET}@mysql/test",
        "redis://redis:6379/0",
        "redis://cache/0?client_name=redis",
        "sqlite:////var/lib/password/root.db",
        "mysql+pymysql://root@127.0.0.1:3306/streetveil",
    ],
)
def test_a_password_of_ones_own_is_not(own):
    assert not is_widely_known(own)


@pytest.mark.parametrize("name", SECRETS)
def test_a_default_password_is_refused_unless_it_is_development(monkeypatch, name):
    monkeypatch.setenv(name.upper(), KNOWN)

    assert f"{name.upper()} (from environment) has a password that everybody knows" in refusal()
    monkeypatch.setenv("ALLOW_DEFAULT_PASSWORDS", "1")
    assert value(load_settings(), name) == KNOWN


def test_a_store_that_need_not_encrypt_is_a_choice_of_its_own(monkeypatch):
    monkeypatch.setenv("S3_ENCRYPTION", "none")

    assert "S3_ENCRYPTION (from environment) is none" in refusal()
    monkeypatch.setenv("ALLOW_UNENCRYPTED", "1")
    assert load_settings().settings.s3_encryption == "none"
