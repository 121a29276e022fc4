"""No secret is told, whatever goes wrong: neither in messages nor in tracebacks nor in logs at DEBUG."""

import traceback

import pytest

from streetveil.settings import Settings

CANARY = "k4n4ry-b1rd"
LONG = f"{CANARY}-{'x' * 40}"
SECRETS = [name.upper() for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
NOWHERE = "127.0.0.1:1"
S3 = {"S3_BUCKET": "photos", "S3_ENDPOINT_URL": f"http://{NOWHERE}"}
KEYS = {"AWS_ACCESS_KEY_ID": CANARY, "AWS_SECRET_ACCESS_KEY": CANARY}


@pytest.fixture
def told(streetveil, stub_models, monkeypatch):
    """All that `streetveil serve` tells before it fails to start, the traceback of its error included."""

    def serve(*arguments, **variables):
        quick = {"STARTUP_TIMEOUT_S": "0", "ISOLATION": "none", "PORT": "0", "LOG_LEVEL": "DEBUG"}
        for name, value in (quick | variables).items():
            monkeypatch.setenv(name, value)
        result = streetveil(*(arguments or ["serve"]))
        assert result.exception is not None
        assert result.exit_code != 0
        return result.output + "".join(traceback.format_exception(result.exception)) + repr(result.exception)

    return serve


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize(
    "variables",
    [
        {"DATABASE_URL": f"mysql+pymysql://user:{CANARY}@{NOWHERE}/photos"},
        {"REDIS_URL": f"redis://user:{CANARY}@{NOWHERE}/0"},
        {"REDIS_URL": f"redis+sentinel://:{CANARY}@{NOWHERE}/name?sentinel_password={CANARY}"},
        S3 | KEYS | {"AWS_SESSION_TOKEN": CANARY},
    ],
    ids=["database", "redis", "sentinel", "s3"],
)
def test_a_server_that_cannot_be_reached_is_told_without_its_password(told, variables, form):
    text = told(**variables, LOG_FORMAT=form)

    assert "unavailable" in text.lower() or "reached" in text
    assert CANARY not in text


@pytest.mark.parametrize(
    "variables",
    [
        {"DATABASE_URL": CANARY},
        {"DATABASE_URL": f"mysql+pymysql://user:{CANARY}"},
        {"DATABASE_URL": f"mysql+pymysql://user:a@{CANARY}:{CANARY}@host:port/photos"},
        {"DATABASE_URL": f"mysql+pymysql://user:{CANARY}@host"},
        {"DATABASE_URL": f"mysql://user@host/photos?{CANARY}=1"},
        {"DATABASE_URL": f"mysql://user:{CANARY}@host/photos?ssl_ca={CANARY}"},
        {"DATABASE_URL": f"postgresql://user:{CANARY}@host/photos"},
        {"REDIS_URL": CANARY},
        {"REDIS_URL": f"redis://:{CANARY}"},
        {"REDIS_URL": f"redis://host:{CANARY}/0"},
        {"REDIS_URL": f"redis://host/{CANARY}"},
        {"REDIS_URL": f"redis://host?{CANARY}={CANARY}"},
        {"REDIS_URL": f"redis+cluster://:{CANARY}@host"},
        S3 | {"AWS_SECRET_ACCESS_KEY": CANARY},
        S3 | KEYS | {"AWS_SESSION_TOKEN": f"{CANARY} {CANARY}"},
        KEYS | {"S3_BUCKET": "photos", "S3_ENDPOINT_URL": f"https://user:{CANARY}@host"},
        {"AUTH_MODE": "jwt", "JWT_SECRET": CANARY},
        {"JWT_SECRET": LONG},
        {"AUTH_MODE": "jwt", "JWT_SECRET": LONG, "JWKS_URL": "https://idp.example/keys"},
        {"DATABASE_URL_FILE": f"mysql://user:{CANARY}@host/photos"},
        {"PIPELINE_CONFIG": f'{{"redis_url": "redis://:{CANARY}@host"}}'},
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_used_is_told_without_its_secret(told, variables):
    text = told(**variables)

    assert "ConfigurationError" in text
    assert CANARY not in text


def test_a_server_is_asked_without_telling_the_password(told):
    assert CANARY not in told("db", "check", DATABASE_URL=f"mysql+pymysql://user:{CANARY}@{NOWHERE}/photos")
    assert CANARY not in told("jobs", "list", REDIS_URL=f"redis://:{CANARY}@{NOWHERE}/0")


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_config_show_masks_every_secret_from_wherever_it_comes(streetveil, monkeypatch, tmp_path, arguments):
    (tmp_path / "secret").write_text(LONG)
    for name in SECRETS[::2]:
        monkeypatch.setenv(name, LONG)
    for name in SECRETS[1::2]:
        monkeypatch.setenv(f"{name}_FILE", "secret")

    result = streetveil("config", "show", *arguments)

    assert result.exit_code == 0
    assert result.stdout.count("********") == len(SECRETS)
    assert CANARY not in result.output


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("S3_ENDPOINT_URL", f"https://user:{CANARY}@host:9000/path"),
        ("JWKS_URL", f"https://{CANARY}@idp.example/keys"),
        ("JWT_PUBLIC_KEY", f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----"),
    ],
)
def test_config_show_masks_a_secret_in_the_wrong_place(streetveil, monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    for arguments in ((), ("--json",)):
        result = streetveil("config", "show", *arguments)
        assert "********" in result.stdout
        assert CANARY not in result.output
