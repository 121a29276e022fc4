"""Which bucket, by which road and with which credentials."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from streetveil.errors import ConfigurationError

Encryption = Literal["AES256", "aws:kms", "none"]
Addressing = Literal["auto", "path", "virtual"]

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")
# One label of a host name: other names have no certificate under the store's domain.
_HOST_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """Where the objects are and how they are reached; refused where it cannot work.

    Attributes:
        bucket: its name; it must exist.
        region: AWS's name of its region; most other stores take any.
        endpoint_url: address of a store that is not AWS, or of another entrance to AWS. `http://` means
            that photos travel unencrypted.
        public_endpoint_url: the same store's address for those who download, where theirs is another.
        presigned: whether they are sent there at all, with signed links; not where they cannot reach it.
        addressing: `path` for `endpoint/bucket/key`, `virtual` for `bucket.endpoint/key`; `auto` takes the
            former with an `endpoint_url` and the latter on AWS, which wants it.
        access_key_id, secret_access_key: lasting or temporary keys; without them the machine's role.
        session_token: belongs to temporary keys.
        encryption: at rest, by the store: with its own keys (`AES256`), with keys of the key management
            service (`aws:kms`), or as the bucket is set (`none`).
        kms_key_id: the key of `aws:kms`; without it the account's default key.
        connect_timeout_s: patience with an address that does not answer.
        request_timeout_s: patience with a server that is silent.
        retries: how often a request is repeated after a broken connection or a 5xx answer.

    Raises:
        ConfigurationError: names the setting, never a secret.
    """

    bucket: str
    region: str = "us-east-1"
    endpoint_url: str | None = None
    public_endpoint_url: str | None = None
    presigned: bool = True
    addressing: Addressing = "auto"
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    encryption: Encryption = "AES256"
    kms_key_id: str | None = None
    connect_timeout_s: float = 3
    request_timeout_s: float = 30
    retries: int = 4

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket):
            raise ConfigurationError("S3_BUCKET is not the name of a bucket: letters, digits, dots and hyphens.")
        if not _REGION.fullmatch(self.region):
            raise ConfigurationError("AWS_REGION is not the name of a region, such as eu-west-1.")
        for name in ("endpoint_url", "public_endpoint_url"):
            _check_endpoint(name, getattr(self, name))
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ConfigurationError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set both or neither.")
        if self.session_token is not None and self.access_key_id is None:
            raise ConfigurationError("AWS_SESSION_TOKEN is set without the keys it belongs to.")
        for name in ("access_key_id", "secret_access_key", "session_token"):
            if not _is_one_word(getattr(self, name)):
                raise ConfigurationError(f"AWS_{name.upper()} is empty or has blanks or line ends in it.")
        if not _is_one_word(self.kms_key_id):
            raise ConfigurationError("S3_KMS_KEY_ID is empty or has blanks or line ends in it.")
        if self.kms_key_id is not None and self.encryption != "aws:kms":
            raise ConfigurationError("S3_KMS_KEY_ID is used with S3_ENCRYPTION=aws:kms only.")

    @property
    def virtual_hosted(self) -> bool:
        """Whether the bucket is part of the host's name."""
        if self.addressing == "auto":
            return self.endpoint_url is None and _HOST_LABEL.fullmatch(self.bucket) is not None
        return self.addressing == "virtual"

    @property
    def bucket_endpoint(self) -> str:
        """The address that requests begin with: with the bucket where it is part of the host's name."""
        return self._at(self.endpoint_url)

    @property
    def public_bucket_endpoint(self) -> str:
        """The same for signed links."""
        return self._at(self.public_endpoint_url or self.endpoint_url)

    def _at(self, url: str | None) -> str:
        domain = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        endpoint = (url or f"https://s3.{self.region}.{domain}").rstrip("/")
        if not self.virtual_hosted:
            return endpoint
        scheme, _, host = endpoint.partition("://")
        return f"{scheme}://{self.bucket}.{host}"


def _check_endpoint(name: str, url: str | None) -> None:
    """Refuses what is no plain address; obstore would stop the process at some of it."""
    if url is None:
        return
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port != 0
    except ValueError:
        port_is_fine = False
    if not port_is_fine or not re.fullmatch(r"https?://[\w.:\[\]-]+(/[\w./~-]*)?", url, re.ASCII):
        raise ConfigurationError(
            f"S3_{name.upper()} is not an address such as https://s3.example.org: without user, query and blanks."
        )


def _is_one_word(value: str | None) -> bool:
    return value is None or (bool(value) and value.isascii() and value.isprintable() and " " not in value)
