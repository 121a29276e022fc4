"""Objects in an S3 bucket, of AWS or of a store that speaks the same protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import BinaryIO

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from streetveil.errors import ConfigurationError, ObjectMissingError, StorageUnavailableError, StreetveilError
from streetveil.storage.obstore_store import ObstoreStore
from streetveil.storage.s3_answers import is_missing_object, sentence
from streetveil.storage.s3_options import S3Options

# Files up to here go in one request. Of larger ones so many parts are in memory and on their way at a time.
_PART_BYTES = 8 << 20
_PARTS_AT_A_TIME = 2
_DELETED_AT_A_TIME = 1000  # DeleteObjects takes no more
_LONGEST_LINK_S = 7 * 24 * 3600  # by the rules of signature version 4
# However slow, a transfer that goes on is given so many times the patience with a silent server.
_SLOW_TRANSFER = 20
_CHECK_TIMEOUT_S = 5.0


class S3ObjectStore(ObstoreStore):
    """Objects `s3://bucket/key`, encrypted by the store.

    A put is seen whole or not at all, and answered only when the store has checked its SHA-256. A store
    that is silent is given up after about twice the request timeout, in whatever use.
    """

    def __init__(
        self, options: S3Options, store: S3Store, *, probe: S3ObjectStore | None = None, signer: S3Store | None = None
    ) -> None:
        """`probe` reaches the same bucket with less patience, for `check`; without it there is no hurry.
        `signer` makes links, where they go to another address than `store`.
        """
        super().__init__(store)
        self._options = options
        self._s3 = store
        self._probe = probe
        self._signer = signer or store

    @classmethod
    def open(cls, options: S3Options) -> S3ObjectStore:
        """The store, without a word to the server; `check` says whether it answers.

        Without keys in `options` the credentials are the machine's: of a web identity token, a container
        or an EC2 instance, as AWS's variables and services provide them.

        Raises:
            ConfigurationError: a variable of the environment that begins with AWS_ has a value that cannot be used.
        """
        timeout_s, hurry_s = options.request_timeout_s, min(_CHECK_TIMEOUT_S, options.request_timeout_s)
        hasty = _connect(options, options.bucket_endpoint, timeout_s=hurry_s, retries=1)
        return cls(
            options,
            _connect(options, options.bucket_endpoint, timeout_s=timeout_s, retries=options.retries),
            probe=cls(options, hasty),
            signer=_connect(options, options.public_bucket_endpoint, timeout_s=hurry_s, retries=1),
        )

    def put(self, key: str, content: bytes | BinaryIO, *, content_type: str) -> None:
        with self._reported("store", key):
            self._s3.put(
                key,
                content,
                attributes={"Content-Type": content_type},
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_AT_A_TIME,
            )

    def delete(self, keys: Iterable[str]) -> None:
        remaining = iter(keys)
        while chunk := list(islice(remaining, _DELETED_AT_A_TIME)):
            with self._reported("remove", chunk[0]):
                self._s3.delete(chunk)

    def url(self, key: str) -> str:
        return f"s3://{self._options.bucket}/{key}"

    def presigned_url(self, key: str, expires_s: int) -> str | None:
        """A link signed with our credentials; it ends with those of a role, if they end sooner."""
        if not self._options.presigned:
            return None
        expires = timedelta(seconds=max(1, min(expires_s, _LONGEST_LINK_S)))
        with self._reported("sign a link for", key):
            return obstore.sign(self._signer, "GET", key, expires)

    def check(self) -> None:
        """As every store's, within some seconds; the error tells a missing bucket from a wrong key and an outage."""
        if self._probe is not None:
            self._probe.check()
        else:
            super().check()

    def _explain(self, error: Exception, deed: str, key: str) -> StreetveilError:
        # A wrong address or a lost bucket answers 404 as well; then no object is known to be missing.
        if isinstance(error, FileNotFoundError) and is_missing_object(str(error)):
            return ObjectMissingError(f"There is no object {key} in storage.")
        return StorageUnavailableError(sentence(str(error), deed=deed, options=self._options))


def _connect(options: S3Options, endpoint: str, *, timeout_s: float, retries: int) -> S3Store:
    # Everything is said, lest obstore finds something else in the environment.
    config: dict[str, str | bool] = {
        "region": options.region,
        "endpoint": endpoint,
        "aws_endpoint_url_s3": endpoint,
        "virtual_hosted_style_request": options.virtual_hosted,
        "skip_signature": False,
        "unsigned_payload": False,
        "checksum_algorithm": "SHA256",
    }
    config |= {name: value for name, value in _secrets_and_encryption(options) if value is not None}
    try:
        return _store(options, config, timeout_s=timeout_s, retries=retries)
    except (BaseError, ValueError) as error:
        text = str(error).partition("\n")[0]
        raise ConfigurationError(f"The settings of S3, or AWS_... in the environment, cannot be used: {text}") from None


def _store(options: S3Options, config: dict[str, str | bool], *, timeout_s: float, retries: int) -> S3Store:
    return S3Store(
        options.bucket,
        config=config,  # type: ignore[arg-type] # a TypedDict of just these names
        client_options={
            "allow_http": str(config["endpoint"]).startswith("http://"),
            "connect_timeout": timedelta(seconds=min(options.connect_timeout_s, timeout_s)),
            # The first is reset by every byte that comes; the second bounds a whole transfer.
            "read_timeout": timedelta(seconds=timeout_s),
            "timeout": timedelta(seconds=timeout_s * _SLOW_TRANSFER),
        },
        retry_config={
            "max_retries": retries,
            "retry_timeout": timedelta(seconds=timeout_s),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=3),
                "base": 2,
            },
        },
    )


def _secrets_and_encryption(options: S3Options) -> Iterator[tuple[str, str | None]]:
    yield "access_key_id", options.access_key_id
    yield "secret_access_key", options.secret_access_key
    yield "session_token", options.session_token
    yield "server_side_encryption", None if options.encryption == "none" else options.encryption
    yield "sse_kms_key_id", options.kms_key_id
