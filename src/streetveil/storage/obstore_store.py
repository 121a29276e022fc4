"""Objects in whatever obstore reaches: the one adapter for S3 and local folders."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO
from uuid import uuid4

import structlog
from obstore.exceptions import BaseError
from obstore.store import ObjectStore as Store

from streetveil.errors import ObjectMissingError, StorageUnavailableError, StreetveilError
from streetveil.storage.base import StoredObject

_log = structlog.get_logger(__name__)

_PIECE_BYTES = 1 << 20
_LISTED_AT_A_TIME = 500
_CHECK_FOLDER = "check"
# Queries carry signatures, and the token of a machine's role.
_QUERY = re.compile(r"\?\S+")


class ObstoreStore:
    """An `ObjectStore` over an obstore store, which makes every put atomic.

    The store is given: whoever builds it knows about buckets, keys and encryption.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, key: str, content: bytes | BinaryIO, *, content_type: str) -> None:
        with self._reported("store", key):
            self._store.put(key, content, attributes={"Content-Type": content_type})

    def get(self, key: str) -> bytes:
        with self._reported("read", key):
            return self._store.get(key).bytes().to_bytes()

    def stream(self, key: str) -> Iterator[bytes]:
        with self._reported("read", key):
            pieces = iter(self._store.get(key).stream(min_chunk_size=_PIECE_BYTES))
        return self._pieces(key, pieces)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            try:
                with self._reported("remove", key):
                    self._store.delete(key)
            except ObjectMissingError:
                continue

    def list(self, prefix: str) -> Iterator[StoredObject]:
        with self._reported("list", prefix):
            for chunk in self._store.list(prefix, chunk_size=_LISTED_AT_A_TIME):
                for item in chunk:
                    yield StoredObject(item["path"], item["size"], item["last_modified"])

    def discard_unfinished(self, older_than: dt.datetime) -> int:
        left = [item.key for item in self.list(_CHECK_FOLDER) if item.modified <= older_than]
        self.delete(left)
        return len(left)

    def url(self, key: str) -> str:
        raise NotImplementedError  # only who built the store knows what people call its objects

    def presigned_url(self, key: str, expires_s: int) -> str | None:
        raise NotImplementedError

    def check(self) -> None:
        key = f"{_CHECK_FOLDER}/{uuid4()}"
        content = key.encode()
        self.put(key, content, content_type="text/plain")
        try:
            found = self.get(key)
        except ObjectMissingError:
            found = b""
        self.delete([key])
        if found != content:
            raise StorageUnavailableError("Storage does not give back what was put into it.")

    def close(self) -> None:
        """Nothing is held: connections belong to the store, which closes them when it is dropped."""

    def _pieces(self, key: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
        with self._reported("read", key):
            for piece in pieces:
                yield bytes(piece)

    @contextmanager
    def _reported(self, deed: str, key: str) -> Iterator[None]:
        """Turns what obstore raises into our errors.

        The cause is logged, not told: it holds paths and addresses that are none of a client's business.
        It is not chained either: whoever printed it would print the secrets that some addresses contain.
        """
        try:
            yield
        except (BaseError, OSError) as error:
            explained = self._explain(error, deed, key)
            if not isinstance(explained, ObjectMissingError):
                cause = _QUERY.sub("?...", str(error).partition("\n")[0])
                _log.warning("storage_failed", deed=deed, key=key, cause=cause)
            raise explained from None

    def _explain(self, error: Exception, deed: str, key: str) -> StreetveilError:
        """Our error for one of obstore's: what is wrong, and what to do."""
        if isinstance(error, FileNotFoundError):
            return ObjectMissingError(f"There is no object {key} in storage.")
        return StorageUnavailableError(f"Storage could not {deed} an object.")
