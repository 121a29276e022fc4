"""What an S3 store's refusals mean, and what to do about them.

obstore tells an error as text alone: the request, the answer's status and XML, or the chain of causes in the
network. Codes are those of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and of the
stores named in docs/storage.md.
"""

from __future__ import annotations

import re

from streetveil.storage.s3_options import S3Options

_REQUEST = re.compile(r"Error performing [A-Z]+ (\S+)")
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,64})</Code>")

_MISSING_OBJECT = "NoSuchKey"
_BY_CODE = {
    "NoSuchBucket": "The bucket {bucket} does not exist: make it, or correct S3_BUCKET.",
    "InvalidAccessKeyId": "The S3 store does not know the access key: correct AWS_ACCESS_KEY_ID.",
    "SignatureDoesNotMatch": (
        "The S3 store refuses the signature: AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID."
    ),
    "InvalidToken": "The S3 store refuses the session token: renew AWS_SESSION_TOKEN and the keys it belongs to.",
    "ExpiredToken": "The S3 session has expired: renew AWS_SESSION_TOKEN and the keys it belongs to.",
    "AccessDenied": (
        "The S3 store does not allow these credentials to {deed} objects in the bucket {bucket}: "
        "grant what docs/storage.md lists{kms}."
    ),
    "PermanentRedirect": "The bucket {bucket} is not in the region {region}: correct AWS_REGION.",
    "RequestTimeTooSkewed": "The S3 store refuses the time of this machine: set its clock.",
    "NotImplemented": (
        "The S3 store cannot do what is asked of it; where it knows no encryption, set S3_ENCRYPTION=none."
    ),
    "QuotaExceeded": "The S3 store is full: make room, or raise its quota.",
}
_SAME = {
    "AuthorizationHeaderMalformed": "PermanentRedirect",
    "IllegalLocationConstraintException": "PermanentRedirect",
    "IncorrectEndpoint": "PermanentRedirect",
    "TemporaryRedirect": "PermanentRedirect",
    "InvalidEncryptionAlgorithmError": "NotImplemented",
    "InvalidEncryptionMethod": "NotImplemented",
    "TokenRefreshRequired": "ExpiredToken",
    "InvalidClientTokenId": "InvalidToken",
    "AllAccessDisabled": "AccessDenied",
    "AccountProblem": "AccessDenied",
    "XMinioStorageFull": "QuotaExceeded",
    "XMinioAdminBucketQuotaExceeded": "QuotaExceeded",
}
_OF_CREDENTIALS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"})
# Marks in the chain of causes, the most telling first.
_BY_CAUSE = (
    ("dns error", "The S3 store's name is not known: correct S3_ENDPOINT_URL or AWS_REGION."),
    ("ConnectionRefused", "The S3 store cannot be reached: nobody listens at its address. Check S3_ENDPOINT_URL."),
    (
        "InvalidCertificate",
        "The S3 store's certificate is not trusted: check S3_ENDPOINT_URL; SSL_CERT_FILE names another authority.",
    ),
    ("InvalidContentType", "The S3 store does not speak TLS: should S3_ENDPOINT_URL begin with http:// instead?"),
    ("kind: Timeout", "The S3 store does not answer in time."),
    ("TimedOut", "The S3 store does not answer in time."),
    ("LOCATION", "The bucket {bucket} is not in the region {region}: correct AWS_REGION."),
    ("kind: Connect", "The S3 store cannot be reached: check the network and S3_ENDPOINT_URL."),
    ("kind: Interrupted", "The connection to the S3 store broke off."),
    # how it broke off depends on who noticed first
    ("error sending request", "The connection to the S3 store broke off."),
)
_NO_CREDENTIALS = (
    "There are no S3 credentials: no keys are set, and none can be had for the machine's role. "
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role."
)
_ROLE_REFUSED = (
    "The S3 store refuses the credentials of the machine's role. "
    "An AWS_ACCESS_KEY_ID that is set but empty hides the role: unset it."
)


def is_missing_object(text: str) -> bool:
    """Whether the store says that it knows the bucket and has no such object."""
    return _code(text) == _MISSING_OBJECT


def sentence(text: str, *, deed: str, options: S3Options) -> str:
    """What is wrong and what to do, without addresses and secrets; `text` is obstore's error."""
    code, status = _code(text), _STATUS.search(text)
    if options.access_key_id is None:
        request = _REQUEST.findall(text)
        if not request and "token file" in text:
            return _NO_CREDENTIALS
        if request and not request[-1].startswith(options.bucket_endpoint):
            return _NO_CREDENTIALS
        if code in _OF_CREDENTIALS:
            return _ROLE_REFUSED
    template = _BY_CODE.get(_SAME.get(code, code))
    if template is None and code.startswith("KMS."):
        template = "The key management service refuses the key ({code}): check S3_KMS_KEY_ID and its policy."
    if template is None and status is not None:
        template = _by_status(int(status[1]), code)
    if template is None:
        template = next((told for mark, told in _BY_CAUSE if mark in text), "The S3 store could not {deed} an object.")
    kms = ", and the use of the KMS key" if options.encryption == "aws:kms" else ""
    return template.format(
        bucket=options.bucket, region=options.region, deed=deed, code=code, status=status and status[1], kms=kms
    )


def _by_status(status: int, code: str) -> str:
    reason = " ({code})" if code else ""
    if status >= 500:
        return f"The S3 store answers {{status}}{reason}: it fails or is overloaded."
    if status == 404 and not code:
        return "No S3 store answers at this address: correct S3_ENDPOINT_URL."
    if status in {401, 403} and not code:
        return _BY_CODE["AccessDenied"]
    return f"The S3 store refuses to {{deed}} an object: it answers {{status}}{reason}."


def _code(text: str) -> str:
    match = _CODE.search(text)
    return match[1] if match else ""
