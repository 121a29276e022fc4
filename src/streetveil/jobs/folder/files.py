"""Photos on disk: finding them, reading them, and writing results so that they appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from streetveil.errors import OutputConflictError, TooLargeError, UnreadableFileError, UnwritableOutputError

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp"})
"""Files in folders that are tried; a file named on its own is tried whatever its name."""

_LARGEST_FILE = 1 << 30  # bytes; a file is held in memory whole
_PART_SUFFIX = ".streetveil-part"


@dataclass(frozen=True, slots=True)
class FileTask:
    """One photo to redact: where it is, where its result goes, and its name within the output folder."""

    source: Path
    target: Path
    name: str


def find_photos(sources: Iterable[Path], *, outside: Path | None = None) -> Iterator[tuple[Path, Path]]:
    """Every photo among `sources`, with its path relative to the folder it was found through.

    Links to folders are not followed, and the folder `outside` is passed over.

    Raises:
        UnreadableFileError: a source does not exist.
    """
    skipped = outside.resolve() if outside is not None else None
    for source in sources:
        if source.is_dir():
            yield from ((path, path.relative_to(source)) for path in _pictures(source, skipped))
        elif source.exists():
            yield source, Path(source.name)
        else:
            raise UnreadableFileError(f"{source} does not exist.")


def find_tasks(sources: Iterable[Path], output: Path) -> list[FileTask]:
    """Every photo among `sources`; a folder's tree is mirrored below `output`, a file goes directly into it.

    Raises:
        UnreadableFileError: a source does not exist.
        OutputConflictError: two sources would have the same output, or an output would replace its source.
    """
    tasks: dict[Path, FileTask] = {}
    for path, name in find_photos(sources, outside=output):
        target = output / name
        earlier = tasks.get(target)
        if earlier is not None and earlier.source.resolve() != path.resolve():
            raise OutputConflictError(
                f"{earlier.source} and {path} would both be written to {target}; run them with separate --output."
            )
        if target.exists() and target.samefile(path):
            raise OutputConflictError(f"The result of {path} would replace it; choose another --output folder.")
        tasks[target] = FileTask(path, target, name.as_posix())
    return list(tasks.values())


def _pictures(folder: Path, skipped: Path | None) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        here = Path(root)
        folders[:] = sorted(name for name in folders if (here / name).resolve() != skipped)
        for name in sorted(names):
            if Path(name).suffix.lower() in PICTURE_SUFFIXES:
                yield here / name


def read_photo(path: Path) -> bytes:
    """The bytes of a photo on disk.

    Raises:
        UnreadableFileError: it cannot be read, or is no regular file.
        TooLargeError: it is over 1 GiB.
    """
    if not path.is_file():  # a pipe or device would block or never end
        raise UnreadableFileError(f"{path} is not a file.")
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > _LARGEST_FILE:
        raise TooLargeError(f"{path} is larger than {_LARGEST_FILE} bytes.")
    return data


def write_result(path: Path, data: bytes) -> None:
    """Writes a whole file in place of whatever is at `path`, or leaves that as it is.

    Raises:
        UnwritableOutputError: the disk is full or the folder cannot be written to.
    """
    # One name per target: what a killed run left is overwritten by the next.
    part = path.with_name(f".{path.name}{_PART_SUFFIX}"[-250:])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UnwritableOutputError(f"{path} cannot be written: {error.strerror}.") from error
