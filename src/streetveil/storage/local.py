"""Objects as files under one folder, for the embedded service."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from obstore.store import LocalStore

from streetveil.errors import ObjectMissingError, StorageUnavailableError
from streetveil.storage.keys import FOLDERS
from streetveil.storage.obstore_store import ObstoreStore

# obstore writes `{name}#{number}` and renames it when it is whole; its listings leave such files out.
_STAGED = re.compile(r".+#\d+")


class LocalObjectStore(ObstoreStore):
    """Files under `root`, which only their owner can read. A put that returned survives a loss of power."""

    def __init__(self, root: Path, store: LocalStore) -> None:
        super().__init__(store)
        self._root = root

    @classmethod
    def open(cls, root: Path) -> LocalObjectStore:
        """The store in the folder `root`, which is made where it is missing.

        Raises:
            StorageUnavailableError: the folder cannot be made.
        """
        root = root.absolute()
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in FOLDERS:
                (root / folder).mkdir(mode=0o700, exist_ok=True)  # files in it are written by the process's umask
            _sync(root)
        except OSError as error:
            raise StorageUnavailableError(f"The folder {root} cannot be made: {error.strerror}.") from error
        return cls(root, LocalStore(root))

    def put(self, key: str, content: bytes | BinaryIO, *, content_type: str) -> None:  # noqa: ARG002
        # Files have no content type, and obstore refuses to be given one for them.
        with self._reported("store", key):
            self._store.put(key, content)
            while key:  # the file, its folder, and that one's: those of a new tenant are new themselves
                _sync(f"{self._root}/{key}")
                key = key.rpartition("/")[0]

    def get(self, key: str) -> bytes:
        # Not by obstore, which reads in threads of its own: to wait for those takes longer than to read.
        with self._reported("read", key):
            if ".." in key:
                raise ObjectMissingError(f"There is no object {key[:200]!r} in storage.")
            with (self._root / key).open("rb", buffering=0) as file:
                return file.read()

    def discard_unfinished(self, older_than: datetime) -> int:
        count = super().discard_unfinished(older_than)
        for path in self._root.rglob("*#*"):
            if _STAGED.fullmatch(path.name) and _modified(path) <= older_than:
                path.unlink(missing_ok=True)
                count += 1
        return count

    def url(self, key: str) -> str:
        return (self._root / key).as_uri()

    def presigned_url(self, key: str, expires_s: int) -> str | None:  # noqa: ARG002 - files have no such links
        return None


def _modified(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:  # renamed or removed since it was listed
        return datetime.max.replace(tzinfo=UTC)


def _sync(path: Path | str) -> None:
    """Waits until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
