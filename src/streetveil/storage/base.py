"""What storage promises: whole objects under keys, written atomically."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing shows it; `modified` is aware and in UTC."""

    key: str
    size: int
    modified: datetime


class ObjectStore(Protocol):
    """Objects under `/`-separated keys. Safe to call from several threads at once.

    Every method raises StorageUnavailableError where the store cannot be reached or refuses us.
    """

    def put(self, key: str, content: bytes | BinaryIO, *, content_type: str) -> None:
        """Stores `content` whole or not at all; an object of the same key is replaced."""
        ...

    def get(self, key: str) -> bytes:
        """The object's bytes.

        Raises:
            ObjectMissingError: there is none.
        """
        ...

    def stream(self, key: str) -> Iterator[bytes]:
        """The object's bytes piece by piece; raises ObjectMissingError before the first piece is asked for."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Removes the objects; those that are not there are passed over."""
        ...

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """All objects whose keys start with the folder `prefix`."""
        ...

    def discard_unfinished(self, older_than: datetime) -> int:
        """Removes what interrupted puts left behind before that moment, where the store keeps such; how many."""
        ...

    def url(self, key: str) -> str:
        """A name for the object that people and other programs understand: `s3://bucket/key`, `file:///...`."""
        ...

    def presigned_url(self, key: str, expires_s: int) -> str | None:
        """A link from which anyone may download for a while; None where the store cannot give one."""
        ...

    def check(self) -> None:
        """Returns where the store can be written to, read from and cleaned; raises StorageUnavailableError."""
        ...

    def close(self) -> None:
        """Releases what is held. The store is not used afterwards."""
        ...
