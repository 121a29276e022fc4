"""What cannot work is refused before the first request, without telling secrets."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from streetveil.errors import ConfigurationError
from streetveil.storage.s3 import S3ObjectStore
from streetveil.storage.s3_options import S3Options

KEYS: dict[str, Any] = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "very-secret"}


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        ({"bucket": ""}, "S3_BUCKET"),
        ({"bucket": "photos/../other"}, "S3_BUCKET"),
        ({"bucket": "s3://photos"}, "S3_BUCKET"),
        ({"region": "eu west"}, "AWS_REGION"),
        ({"region": "x.evil.example/"}, "AWS_REGION"),
        ({"endpoint_url": "s3.example.org"}, "S3_ENDPOINT_URL"),
        ({"endpoint_url": "ftp://s3.example.org"}, "S3_ENDPOINT_URL"),
        ({"endpoint_url": "https://user:very-secret@s3.example.org"}, "S3_ENDPOINT_URL"),
        ({"endpoint_url": "https://s3.example.org?very-secret"}, "S3_ENDPOINT_URL"),
        ({"endpoint_url": "https://s3 example.org"}, "S3_ENDPOINT_URL"),
        ({"endpoint_url": "https://s3.example.org:99999"}, "S3_ENDPOINT_URL"),
        ({"endpoint_url": "https://[::1"}, "S3_ENDPOINT_URL"),
        ({"endpoint_url": "https://s3.example.org\n"}, "S3_ENDPOINT_URL"),
        ({"public_endpoint_url": "photos.example.org"}, "S3_PUBLIC_ENDPOINT_URL"),
        ({"access_key_id": "AKID", "secret_access_key": None}, "both or neither"),
        ({"access_key_id": None}, "both or neither"),
        ({"access_key_id": "AKID\n"}, "AWS_ACCESS_KEY_ID"),
        ({"secret_access_key": "very-secret "}, "AWS_SECRET_ACCESS_KEY"),
        ({"session_token": ""}, "AWS_SESSION_TOKEN"),
        ({"access_key_id": None, "secret_access_key": None, "session_token": "t"}, "AWS_SESSION_TOKEN"),
        ({"kms_key_id": "key"}, "S3_KMS_KEY_ID"),
        ({"encryption": "aws:kms", "kms_key_id": "a\nb"}, "S3_KMS_KEY_ID"),
    ],
)
def test_what_cannot_work_is_refused_by_the_name_of_its_setting(values, setting):
    with pytest.raises(ConfigurationError, match=setting) as error:
        S3Options(**({"bucket": "photos"} | KEYS | values))
    assert "very-secret" not in error.value.detail


def test_secrets_are_not_shown_by_repr():
    assert "very-secret" not in repr(S3Options(bucket="photos", session_token="very-secret-too", **KEYS))


@pytest.mark.parametrize(
    ("values", "begin"),
    [
        ({"region": "eu-west-1"}, "https://photos.s3.eu-west-1.amazonaws.com/original/"),
        ({"region": "cn-north-1"}, "https://photos.s3.cn-north-1.amazonaws.com.cn/original/"),
        ({"bucket": "my.photos"}, "https://s3.us-east-1.amazonaws.com/my.photos/original/"),
        ({"addressing": "path"}, "https://s3.us-east-1.amazonaws.com/photos/original/"),
        ({"endpoint_url": "https://s3.example.org:9000/"}, "https://s3.example.org:9000/photos/original/"),
        ({"endpoint_url": "https://example.org/storage/s3"}, "https://example.org/storage/s3/photos/original/"),
        ({"endpoint_url": "http://[::1]:9000"}, "http://[::1]:9000/photos/original/"),
        (
            {"endpoint_url": "https://s3.example.org", "addressing": "virtual"},
            "https://photos.s3.example.org/original/",
        ),
    ],
)
def test_the_bucket_stands_in_the_host_or_in_the_path(values, begin, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://other.example.org")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://other.example.org")
    store = S3ObjectStore.open(S3Options(**({"bucket": "photos"} | KEYS | values)))
    link = store.presigned_url("original/a.jpg", 60)
    assert link is not None
    assert link.startswith(f"{begin}a.jpg?")
    assert store.url("original/a.jpg") == f"s3://{values.get('bucket', 'photos')}/original/a.jpg"


@pytest.mark.parametrize(("asked", "granted"), [(60, 60), (0, 1), (10**9, 604800)])
def test_links_end_within_the_week_that_signatures_allow(asked, granted):
    link = S3ObjectStore.open(S3Options(bucket="photos", **KEYS)).presigned_url("original/a.jpg", asked)
    assert link is not None
    assert f"X-Amz-Expires={granted}" in urlsplit(link).query.split("&")
    assert "very-secret" not in link


def test_a_variable_that_the_client_cannot_use_is_reported(monkeypatch):
    monkeypatch.setenv("AWS_S3_EXPRESS", "banana")
    with pytest.raises(ConfigurationError, match="AWS_"):
        S3ObjectStore.open(S3Options(bucket="photos", **KEYS))


def test_links_may_go_to_an_address_of_their_own_or_not_be_made_at_all():
    inside = {"bucket": "photos", "endpoint_url": "http://minio:9000"} | KEYS
    link = S3ObjectStore.open(S3Options(**inside, public_endpoint_url="https://s3.example.org")).presigned_url("a", 60)
    assert link is not None
    assert link.startswith("https://s3.example.org/photos/a?")
    assert S3ObjectStore.open(S3Options(**inside, presigned=False)).presigned_url("a", 60) is None
