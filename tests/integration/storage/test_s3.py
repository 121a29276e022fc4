"""What an S3 server makes of our requests, beyond what every store promises."""

import io
import os
import urllib.request
from urllib.error import HTTPError

import pytest
from tests.support.storage_contract import JPEG, StorageContract

from streetveil.errors import StorageUnavailableError


class TestContract(StorageContract):
    """The promises of every store."""


def _download(link):
    with urllib.request.urlopen(link, timeout=10) as answer:
        return answer.read(), answer.headers


@pytest.mark.parametrize("size", [1000, 20 * 2**20], ids=["one request", "parts"])
def test_objects_are_encrypted_by_the_server_and_carry_their_type(store, size):
    content = os.urandom(size)
    store.put("original/a.jpg", io.BytesIO(content), content_type="image/webp")
    body, headers = _download(store.presigned_url("original/a.jpg", 60))
    assert body == content
    assert headers["x-amz-server-side-encryption"] == "AES256"
    assert headers["content-type"] == "image/webp"  # not guessed from the name


def test_encryption_can_be_left_to_the_bucket(open_store):
    store = open_store(encryption="none")
    store.put("original/a.jpg", b"x", content_type=JPEG)
    _, headers = _download(store.presigned_url("original/a.jpg", 60))
    assert headers["x-amz-server-side-encryption"] is None


def test_a_link_opens_one_object_only(store):
    for name in "ab":
        store.put(f"original/{name}.jpg", name.encode(), content_type=JPEG)
    link = store.presigned_url("original/a.jpg", 60)
    assert _download(link)[0] == b"a"
    with pytest.raises(HTTPError) as refused:
        _download(link.replace("a.jpg", "b.jpg"))
    assert refused.value.code == 403
    refused.value.close()


def test_objects_have_names_that_others_understand(store, server):
    assert store.url("original/a.jpg") == f"s3://{server.BUCKET}/original/a.jpg"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"access_key_id": "nobody"}, "AWS_ACCESS_KEY_ID"),
        ({"secret_access_key": "wrong"}, "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_a_wrong_key_is_told_from_a_wrong_secret(open_store, values, told):
    store = open_store(**values)
    with pytest.raises(StorageUnavailableError, match=told):
        store.check()
    with pytest.raises(StorageUnavailableError, match=told):
        list(store.list("original"))
