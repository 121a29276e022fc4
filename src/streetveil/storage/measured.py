"""An object store that tells how long each call took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import BinaryIO

from streetveil.observability.timing import Tell, timed
from streetveil.storage.base import ObjectStore, StoredObject


class MeasuredObjectStore:
    """An `ObjectStore` around another. Listings, which take as long as who reads them, are not told of."""

    def __init__(self, store: ObjectStore, tell: Tell) -> None:
        self._store = store
        self._tell = tell

    def put(self, key: str, content: bytes | BinaryIO, *, content_type: str) -> None:
        with timed(self._tell, "put"):
            self._store.put(key, content, content_type=content_type)

    def get(self, key: str) -> bytes:
        with timed(self._tell, "get"):
            return self._store.get(key)

    def stream(self, key: str) -> Iterator[bytes]:
        with timed(self._tell, "open"):
            return self._store.stream(key)

    def delete(self, keys: Iterable[str]) -> None:
        with timed(self._tell, "delete"):
            self._store.delete(keys)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        return self._store.list(prefix)

    def discard_unfinished(self, older_than: datetime) -> int:
        return self._store.discard_unfinished(older_than)

    def url(self, key: str) -> str:
        return self._store.url(key)

    def presigned_url(self, key: str, expires_s: int) -> str | None:
        return self._store.presigned_url(key, expires_s)

    def check(self) -> None:
        with timed(self._tell, "check"):
            self._store.check()

    def close(self) -> None:
        self._store.close()
