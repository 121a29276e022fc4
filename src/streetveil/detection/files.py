"""Files whose content must be exactly what was promised, and must survive a power cut."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from streetveil.errors import DigestMismatchError


def size(path: Path) -> int | None:
    """Bytes of a file, or None where there is none."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def digest(path: Path) -> str:
    """SHA-256 of a file in lower-case hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify_file(path: Path, expected_size: int, expected_digest: str) -> None:
    """Hash a file and compare.

    Raises:
        DigestMismatchError: it is missing, cannot be read, or is another one; both digests are named.
    """
    found_size = size(path)
    if found_size is None:
        raise DigestMismatchError(f"{path} is missing.")
    if found_size != expected_size:
        raise DigestMismatchError(f"{path} should have {expected_size} bytes and has {found_size}.")
    try:
        found = digest(path)
    except OSError as error:
        raise DigestMismatchError(f"{path} cannot be read: {error}") from error
    if found != expected_digest:
        raise DigestMismatchError(f"{path.name} should have the SHA-256 {expected_digest} and has {found}.")


def flush_tree(folder: Path) -> None:
    """Have every file of a folder, and the folder itself, written to the disk."""
    for path in folder.iterdir():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    flush_folder(folder)


def flush_folder(folder: Path) -> None:
    """Have a folder's list of names written to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
