import json

import pytest

from streetveil.settings import Settings

SECRETS = {
    "DATABASE_URL": "mysql://user:s3cret-a@host/db",
    "REDIS_URL": "redis://:s3cret-b@host/0",
    "AWS_ACCESS_KEY_ID": "s3cret-c",
    "AWS_SECRET_ACCESS_KEY": "s3cret-d",
}


@pytest.fixture
def secrets(monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def test_the_table_holds_every_setting_with_its_origin_and_no_secret(streetveil, secrets, monkeypatch):
    monkeypatch.setenv("PORT", "9001")

    result = streetveil("config", "show")

    assert result.exit_code == 0
    assert "s3cret" not in result.stdout
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line and line[0].isupper()}
    assert rows.keys() == {name.upper() for name in Settings.model_fields}
    assert rows["PORT"].split()[1:3] == ["9001", "environment"]
    assert rows["HOST"].split()[1:3] == ["127.0.0.1", "default"]
    for name in SECRETS:
        assert rows[name].split()[1:3] == ["********", "environment"]


def test_json_holds_the_same_and_no_secret(streetveil, secrets, tmp_path):
    (tmp_path / ".env").write_text("NUM_WORKERS=3\n")

    result = streetveil("config", "show", "--json")

    assert "s3cret" not in result.stdout
    values = json.loads(result.stdout)
    assert values.keys() == {name.upper() for name in Settings.model_fields}
    assert values["NUM_WORKERS"] == {"value": 3, "origin": ".env"}
    assert values["DATABASE_URL"] == {"value": "********", "origin": "environment"}
    assert values["S3_BUCKET"] == {"value": None, "origin": "default"}
    assert values["DATA_DIR"] == {"value": "data", "origin": "default"}


def test_a_value_is_shown_as_it_is_and_steers_no_terminal(streetveil, monkeypatch):
    monkeypatch.setenv("DATA_DIR", "[red]x[/red]\x1b[31m")

    assert "[red]x[/red]\\x1b[31m" in streetveil("config", "show").stdout


def test_an_error_repeats_no_secret(streetveil, secrets, tmp_path, monkeypatch):
    (tmp_path / "c.json").write_text(json.dumps({"database_url": ["s3cret-e"], "redis_url": {"x": "s3cret-f"}}))
    monkeypatch.setenv("PIPELINE_CONFIG", "c.json")
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("REDIS_URL")

    result = streetveil("config", "show")

    assert result.exit_code != 0
    assert "s3cret" not in f"{result.output} {result.exception}"
    assert "DATABASE_URL (from PIPELINE_CONFIG c.json)" in str(result.exception)


def test_lengths_of_time_are_shown_as_they_are_written(streetveil, monkeypatch):
    monkeypatch.setenv("RETENTION_ORIGINAL", "48h")
    monkeypatch.setenv("RETENTION_TENANTS", '{"acme": {"original": "0", "result": null}}')

    values = json.loads(streetveil("config", "show", "--json").stdout)

    assert values["RETENTION_ORIGINAL"]["value"] == "2d"
    assert values["RETENTION_TENANTS"]["value"] == {"acme": {"original": "0", "result": None}}
