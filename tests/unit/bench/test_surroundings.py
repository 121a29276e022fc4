import pytest

from streetveil.bench.surroundings import of_the_work, without_servers
from streetveil.settings import LoadedSettings, Settings


def loaded(**values):
    origins = dict.fromkeys(Settings.model_fields, "default") | dict.fromkeys(values, "environment")
    return LoadedSettings(Settings.model_validate(values), origins)


@pytest.mark.parametrize(
    "guard",
    [
        {"auth_mode": "jwt", "jwt_secret": "0123456789abcdef0123456789abcdef"},
        {"host": "0.0.0.0", "allow_unauthenticated": True},
        {"tls_certificate": "certificate.pem", "tls_key_password": "nobody-knows-this"},
        {"health_access": "operate", "health_host": "10.0.0.1"},
        {"rate_limit": "1/second", "quota_photos_per_day": 1, "quota_bytes_per_day": 1},
        {"max_queue_size": 1, "max_uploads_per_client": 1},
        {"retention_original": "0", "retention_tenants": {"default": {"result": "0"}}},
        {"webhook_secret": "short", "crops_keys_dir": "keys"},
    ],
    ids=lambda guard: next(iter(guard)),
)
def test_what_guards_the_users_service_does_not_guard_the_one_that_is_measured(guard):
    assert of_the_work(loaded(**guard)) == loaded()


def test_what_is_done_with_a_photo_and_where_stays_the_users():
    chosen = loaded(
        verify="redetect",
        isolation="none",
        default_profile="fast",
        max_pixels=10**6,
        redis_url="redis://host",
        lease_s=9,
    )

    assert of_the_work(chosen) == chosen


def test_an_embedded_service_has_no_servers():
    assert without_servers(loaded(database_url="sqlite://", redis_url="redis://host", s3_bucket="photos")) == loaded()
