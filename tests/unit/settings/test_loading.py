import pytest
from tests.unit.settings.conftest import SECRET, pipeline_config, refusal

from streetveil.settings import Settings, load_settings


def test_without_anything_the_service_is_embedded_and_everything_a_default():
    loaded = load_settings()

    assert loaded.settings.embedded
    assert loaded.settings.max_queue_size == 1000
    assert loaded.settings.port == 8000
    assert set(loaded.origins.values()) == {"default"}
    assert loaded.origins.keys() == Settings.model_fields.keys()


def test_each_place_wins_over_those_below_it(places, monkeypatch):
    config = places / "pipeline.json"
    values = {"num_workers": 1, "max_queue_size": 1, "port": 1, "max_attempts": 1}
    pipeline_config(monkeypatch, config, values)
    (places / ".env").write_text("MAX_QUEUE_SIZE=2\nPORT=2\nMAX_ATTEMPTS=2\n")
    monkeypatch.setenv("PORT", "3")
    monkeypatch.setenv("MAX_ATTEMPTS", "3")

    loaded = load_settings({"max_attempts": 4, "host": None})

    found = {name: (getattr(loaded.settings, name), loaded.origins[name]) for name in values}
    assert found == {
        "num_workers": (1, f"PIPELINE_CONFIG {config}"),
        "max_queue_size": (2, ".env"),
        "port": (3, "environment"),
        "max_attempts": (4, "command line"),
    }
    assert (loaded.settings.host, loaded.origins["host"]) == ("127.0.0.1", "default")


def test_the_file_of_the_mission_is_understood(places, monkeypatch):
    content = {
        "database_url": f"mysql://u:{SECRET}@db/photos",
        "redis_url": "redis://cache:6379/0",
        "aws_config": {
            "aws_access_key_id": "key",
            "aws_secret_access_key": SECRET,
            "region_name": "eu-central-1",
            "bucket_name": "photos",
        },
        "num_workers": 4,
        "max_queue_size": 500,
    }
    pipeline_config(monkeypatch, places / "c.json", content)

    settings = load_settings().settings

    assert settings.s3_bucket == "photos"
    assert settings.aws_region == "eu-central-1"
    assert settings.aws_secret_access_key is not None
    assert settings.aws_secret_access_key.get_secret_value() == SECRET
    assert (settings.num_workers, settings.max_queue_size) == (4, 500)
    assert not settings.embedded
    assert SECRET not in repr(settings)


def test_pipeline_config_may_be_named_in_the_env_file(places):
    (places / "c.json").write_text('{"port": 9000}')
    (places / ".env").write_text("PIPELINE_CONFIG=c.json\n")

    loaded = load_settings()

    assert (loaded.settings.port, loaded.origins["port"]) == (9000, "PIPELINE_CONFIG c.json")


def test_an_env_file_that_is_not_there_is_passed_over(places):
    assert load_settings(env_file=places / "none").settings.port == 8000
    assert load_settings(env_file=None).settings.port == 8000


def test_empty_values_count_as_not_given_in_every_place(places, monkeypatch):
    pipeline_config(monkeypatch, places / "c.json", {"redis_url": "", "port": None, "aws_config": {"bucket_name": ""}})
    (places / ".env").write_text("S3_BUCKET=\n")
    monkeypatch.setenv("DATABASE_URL", "")

    loaded = load_settings()

    assert loaded.settings.embedded
    assert set(loaded.origins.values()) == {"default"}


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        load_settings().settings.port = 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", SECRET),
        ("PORT", "65536"),
        ("NUM_WORKERS", "-1"),
        ("NUM_WORKERS", "1.5"),
        ("MAX_QUEUE_SIZE", "0"),
        ("FACE_CONFIDENCE_THRESHOLD", "1.5"),
        ("FACE_CONFIDENCE_THRESHOLD", "nan"),
        ("PLATE_CONFIDENCE_THRESHOLD", "-0.1"),
        ("LOG_LEVEL", SECRET),
        ("LOG_FORMAT", SECRET),
        ("DEFAULT_STYLE", SECRET),
        ("DEFAULT_PROFILE", SECRET),
        ("SHUTDOWN_TIMEOUT_S", "-1"),
        ("WORKER_ID", SECRET * 10),
    ],
)
def test_a_value_that_is_not_allowed_is_told_by_name_and_place_and_never_repeated(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    detail = refusal()

    assert f"{name} (from environment): " in detail
    if value == SECRET:
        assert SECRET not in detail


def test_every_wrong_setting_is_told_at_once_with_its_place(places, monkeypatch):
    (places / ".env").write_text(f"MAX_QUEUE_SIZE={SECRET}\n")
    monkeypatch.setenv("LOG_LEVEL", SECRET)

    detail = refusal({"port": -1})

    assert "PORT (from command line)" in detail
    assert "MAX_QUEUE_SIZE (from .env)" in detail
    assert "LOG_LEVEL (from environment)" in detail


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f'{{"database_url": "{SECRET}"', "which is not JSON"),
        ("", "which is not JSON"),
        ("[]", "must hold a JSON object"),
        ('{"aws_config": []}', "must hold a JSON object"),
        (f'{{"num_wrokers": "{SECRET}"}}', "settings nobody knows: num_wrokers"),
        (f'{{"aws_config": {{"bucket": "{SECRET}"}}}}', "settings nobody knows: bucket"),
        (f'{{"port": "{SECRET}"}}', "PORT (from PIPELINE_CONFIG c.json)"),
        ('{"redis_url": {"a": 1}}', "REDIS_URL (from PIPELINE_CONFIG c.json)"),
    ],
)
def test_a_pipeline_config_that_cannot_be_used_is_refused(places, monkeypatch, content, message):
    (places / "c.json").write_text(content)
    monkeypatch.setenv("PIPELINE_CONFIG", "c.json")

    detail = refusal()

    assert message in detail
    assert "c.json" in detail


def test_a_pipeline_config_that_is_not_there_is_refused(places, monkeypatch):
    monkeypatch.setenv("PIPELINE_CONFIG", str(places / "none.json"))
    assert "none.json, which cannot be read: No such file or directory" in refusal()

    monkeypatch.setenv("PIPELINE_CONFIG", str(places))
    assert "cannot be read: Is a directory" in refusal()


def test_binary_files_in_place_of_settings_are_refused(places, monkeypatch):
    (places / "c.json").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv("PIPELINE_CONFIG", "c.json")
    assert "which is not JSON" in refusal()

    monkeypatch.delenv("PIPELINE_CONFIG")
    (places / ".env").write_bytes(b"PORT=\xff\xfe")
    assert ".env cannot be read" in refusal()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("VERFIY=redetect", "VERIFY"),
        ("VERIFI=redetect", "VERIFY"),
        ("verfy=redetect", "VERIFY"),
        ("MAX_UPLOADS_BYTES=1", "MAX_UPLOAD_BYTES"),
        ("DATABASE_URL_FIL=/run/url", "DATABASE_URL_FILE"),
    ],
)
def test_a_misspelt_name_in_the_env_file_is_refused(places, written, meant):
    """Its default would count in silence: photos would go out without a second look."""
    (places / ".env").write_text(f"{written}\n")

    assert refusal() == f".env has {written.partition('=')[0].upper()}, which is no setting; {meant} is."


@pytest.mark.parametrize("name", ["MYSQL_ROOT_PASSWORD", "REDIS_URL_2", "COMPOSE_PROJECT_NAME", "PROFILE", "HOST_IP"])
def test_names_of_other_programs_in_the_env_file_are_theirs(places, name):
    (places / ".env").write_text(f"{name}=x\n")

    load_settings()
