"""What a store's refusals become: a sentence that names what is wrong, and never a lost object by mistake."""

import json

import pytest
import structlog
from structlog.testing import capture_logs
from tests.support.certificates import self_signed
from tests.support.http_stub import Answer, HttpStub

from streetveil.api.tls import server_context
from streetveil.errors import ObjectMissingError, StorageUnavailableError
from streetveil.storage.s3 import S3ObjectStore
from streetveil.storage.s3_options import S3Options

KEYS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "very-secret"}


def _refusal(status, code):
    return Answer(status, f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode())


@pytest.fixture
def stub():
    with HttpStub() as server:
        yield server


def _open(stub, **values):
    given = {"bucket": "photos", "endpoint_url": stub.endpoint, "retries": 0, "request_timeout_s": 5} | KEYS | values
    return S3ObjectStore.open(S3Options(**given))


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (404, "NoSuchBucket", "bucket photos does not exist"),
        (403, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
        (403, "AccessDenied", "docs/storage.md"),
        (400, "ExpiredToken", "AWS_SESSION_TOKEN"),
        (301, "PermanentRedirect", "AWS_REGION"),
        (400, "AuthorizationHeaderMalformed", "AWS_REGION"),
        (403, "RequestTimeTooSkewed", "clock"),
        (501, "NotImplemented", "S3_ENCRYPTION=none"),
        (400, "KMS.NotFoundException", "S3_KMS_KEY_ID"),
        (507, "XMinioStorageFull", "full"),
        (503, "SlowDown", r"503 \(SlowDown\)"),
        (500, "InternalError", "500"),
        (400, "SomethingNew", r"400 \(SomethingNew\)"),
    ],
)
def test_each_refusal_says_what_is_wrong(stub, status, code, told):
    stub.answer = lambda _: _refusal(status, code)
    store = _open(stub)
    uses = (
        store.check,
        lambda: store.get("original/a.jpg"),
        lambda: store.stream("original/a.jpg"),
        lambda: store.put("original/a.jpg", b"x", content_type="image/jpeg"),
        lambda: list(store.list("original")),
        lambda: store.delete(["original/a.jpg"]),
    )
    for use in uses:
        with pytest.raises(StorageUnavailableError, match=told) as error:
            use()
        assert stub.endpoint not in error.value.detail
        assert "very-secret" not in error.value.detail


def test_only_the_stores_own_word_makes_an_object_missing(stub):
    store = _open(stub)
    stub.answer = lambda _: _refusal(404, "NoSuchKey")
    with pytest.raises(ObjectMissingError):
        store.get("original/a.jpg")
    for answer in (_refusal(404, "NoSuchBucket"), Answer(404, b"<html>not here</html>"), Answer(404)):
        stub.answer = lambda _, answer=answer: answer
        with pytest.raises(StorageUnavailableError):
            store.get("original/a.jpg")


def test_an_address_without_a_store_is_told_from_a_missing_object(stub):
    stub.answer = lambda _: Answer(404, b"<html>not here</html>")
    with pytest.raises(StorageUnavailableError, match="S3_ENDPOINT_URL"):
        _open(stub).check()


def test_removing_many_reports_the_one_that_stayed(stub):
    body = (
        b"<DeleteResult><Deleted><Key>original/a.jpg</Key></Deleted><Error><Key>original/b.jpg</Key>"
        b"<Code>AccessDenied</Code><Message>m</Message></Error></DeleteResult>"
    )
    stub.answer = lambda _: Answer(200, body)
    with pytest.raises(StorageUnavailableError):
        _open(stub).delete(["original/a.jpg", "original/b.jpg"])


def test_a_store_that_forgets_is_no_store(stub):
    stub.answer = lambda request: Answer(
        200, b"other", {"ETag": '"e"', "Last-Modified": "Mon, 23 Nov 2026 11:57:01 GMT"}
    )
    with pytest.raises(StorageUnavailableError):
        _open(stub).check()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {"x-amz-server-side-encryption": "AES256"}),
        ({"encryption": "aws:kms"}, {"x-amz-server-side-encryption": "aws:kms"}),
        (
            {"encryption": "aws:kms", "kms_key_id": "arn:aws:kms:eu-west-1:1:key/k"},
            {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:eu-west-1:1:key/k",
            },
        ),
        ({"encryption": "none"}, {}),
    ],
)
def test_puts_ask_for_the_encryption_that_is_set(stub, values, expected):
    stub.answer = lambda _: Answer(200, b"", {"ETag": '"e"'})
    _open(stub, **values).put("original/a.jpg", b"x", content_type="image/webp")
    [request] = stub.requests
    asked = {name: value for name, value in request.headers.items() if "encryption" in name}
    assert asked == expected
    assert request.headers["content-type"] == "image/webp"
    assert "x-amz-checksum-sha256" in request.headers


def test_a_session_token_goes_along(stub):
    stub.answer = lambda _: Answer(200, b"", {"ETag": '"e"'})
    _open(stub, session_token="temporary").put("original/a.jpg", b"x", content_type="image/jpeg")
    assert stub.requests[0].headers["x-amz-security-token"] == "temporary"


def _instance_role(request):
    """What EC2 answers at its metadata address."""
    if request.path == "/latest/api/token":
        return Answer(200, b"metadata-token")
    if request.path == "/latest/meta-data/iam/security-credentials/":
        return Answer(200, b"streetveil")
    role = {
        "AccessKeyId": "ROLEKEY",
        "SecretAccessKey": "s",
        "Token": "roletoken",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    return Answer(200, json.dumps(role).encode())


def test_without_keys_the_machines_role_signs(stub, monkeypatch):
    stub.answer = lambda _: Answer(200, b"", {"ETag": '"e"'})
    with HttpStub(_instance_role) as instance:
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", instance.endpoint)
        store = _open(stub, access_key_id=None, secret_access_key=None)
        store.put("original/a.jpg", b"x", content_type="image/jpeg")
        link = store.presigned_url("original/a.jpg", 60)
    [request] = stub.requests
    assert "Credential=ROLEKEY/" in request.headers["authorization"]
    assert request.headers["x-amz-security-token"] == "roletoken"
    assert link is not None
    assert "X-Amz-Security-Token=roletoken" in link


def test_a_machine_without_a_role_is_told_so(stub, monkeypatch):
    with HttpStub(lambda _: Answer(404)) as instance:
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", instance.endpoint)
        with pytest.raises(StorageUnavailableError, match="no S3 credentials"):
            _open(stub, access_key_id=None, secret_access_key=None).check()
    assert stub.requests == []


def test_a_missing_token_file_of_a_role_is_told(stub, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/streetveil")
    with pytest.raises(StorageUnavailableError, match="no S3 credentials"):
        _open(stub, access_key_id=None, secret_access_key=None).check()


def test_a_roles_token_is_neither_told_nor_logged(stub, monkeypatch, tmp_path):
    (tmp_path / "token").write_text("very-secret-identity")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/streetveil")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "https://127.0.0.1:1")
    structlog.reset_defaults()
    with capture_logs() as logs, pytest.raises(StorageUnavailableError, match="no S3 credentials") as error:
        _open(stub, access_key_id=None, secret_access_key=None).check()
    assert logs
    assert "very-secret-identity" not in f"{error.value.detail}{logs}"
    assert error.value.__cause__ is None  # it would be printed with every traceback
    assert error.value.__suppress_context__


def test_an_empty_variable_that_hides_the_role_is_named(stub, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "")
    stub.answer = lambda _: _refusal(403, "InvalidAccessKeyId")
    with pytest.raises(StorageUnavailableError, match="AWS_ACCESS_KEY_ID that is set but empty"):
        _open(stub, access_key_id=None, secret_access_key=None).check()


def test_nobody_at_the_address_is_told():
    with HttpStub() as gone:
        pass
    with pytest.raises(StorageUnavailableError, match="nobody listens"):
        _open(gone).check()


def test_a_server_without_tls_is_told(stub):
    with pytest.raises(StorageUnavailableError, match="does not speak TLS"):
        _open(stub, endpoint_url=stub.endpoint.replace("http:", "https:")).check()


def test_a_store_with_an_authority_of_its_own_is_trusted_where_the_process_is_told_of_it(tmp_path, monkeypatch):
    certificate, key = self_signed(tmp_path)
    with HttpStub(lambda _: Answer(headers={"ETag": "x"}), tls=server_context(certificate, key)) as stub:
        with pytest.raises(StorageUnavailableError, match="certificate is not trusted"):
            _open(stub).put("original/a", b"photo", content_type="image/jpeg")
        assert stub.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        elsewhere = f"https://localhost:{stub.port}"  # the certificate is for 127.0.0.1 alone
        with pytest.raises(StorageUnavailableError, match="certificate is not trusted"):
            _open(stub, endpoint_url=elsewhere).put("original/a", b"photo", content_type="image/jpeg")
        _open(stub).put("original/a", b"photo", content_type="image/jpeg")
        assert [request.body for request in stub.requests] == [b"photo"]
