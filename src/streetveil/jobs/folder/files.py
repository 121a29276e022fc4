"""Photos on disk: finding them, reading them, and writing results so that they appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from streetveil.errors import OutputConflictError, TooLargeError, UnreadableFileError, UnwritableOutputError

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".tif", ".tiff", ".bmp"})
"""Files in folders that are tried; a file named on its own is tried whatever its name."""

_OTHER_PICTURES = frozenset({
    ".heic", ".heif", ".avif", ".jxl", ".jp2", ".gif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2",
})  # fmt: skip
"""Of cameras and phones too, and of no kind that can be redacted: counted, so that nobody takes them for done."""

_LARGEST_FILE = 1 << 30  # bytes; a file is held in memory whole
_PART_SUFFIX = ".streetveil-part"


@dataclass(frozen=True, slots=True)
class FileTask:
    """One photo to redact: where it is, where its result goes, and its name within the output folder.

    Attributes:
        mask: where a picture of what was redacted goes; None where none is wanted.
    """

    source: Path
    target: Path
    name: str
    mask: Path | None = None

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Everything that is there once the task is done."""
        return (self.target,) if self.mask is None else (self.target, self.mask)


def find_photos(
    sources: Iterable[Path], *, outside: Path | None = None, passed_over: Counter[str] | None = None
) -> Iterator[tuple[Path, Path]]:
    """Every photo among `sources`, with its path relative to the folder it was found through.

    Links to folders are not followed, and the folder `outside` is passed over. A folder that cannot be
    searched stands for the photos in it: reading it fails, so that they are not left out without a word.
    `passed_over` counts by their endings the pictures in folders that are of no accepted kind.

    Raises:
        UnreadableFileError: a source does not exist or cannot be searched.
    """
    skipped = outside.resolve() if outside is not None else None
    for source in sources:
        if source.is_dir():
            yield from ((path, path.relative_to(source)) for path in _pictures(source, skipped, passed_over))
        elif source.exists():
            yield source, Path(source.name)
        else:
            raise UnreadableFileError(f"{source} does not exist.")


def find_tasks(
    sources: Iterable[Path],
    output: Path,
    *,
    added_suffix: str = "",
    mask_suffix: str | None = None,
    passed_over: Counter[str] | None = None,
) -> list[FileTask]:
    """Every photo among `sources`; a folder's tree is mirrored below `output`, a file goes directly into it.

    `added_suffix` goes behind the name that a photo has already: `a.jpg` becomes `a.jpg.png`. `mask_suffix` goes
    behind the name of the result and makes that of its mask. `passed_over`: as `find_photos`.

    Raises:
        UnreadableFileError: a source does not exist or cannot be searched.
        OutputConflictError: two sources would have the same output, an output would replace a source, or a mask
            another output.
    """
    tasks: dict[Path, FileTask] = {}
    for path, found_as in find_photos(sources, outside=output, passed_over=passed_over):
        name = found_as.with_name(found_as.name + added_suffix)
        target = output / name
        earlier = tasks.get(target)
        if earlier is not None and earlier.source.resolve() != path.resolve():
            raise OutputConflictError(
                f"{earlier.source} and {path} would both be written to {target}; run them with separate output folders."
            )
        mask = None if mask_suffix is None else target.with_name(target.name + mask_suffix)
        tasks[target] = FileTask(path, target, name.as_posix(), mask)
    for task in tasks.values():
        if task.mask in tasks:
            raise OutputConflictError(
                f"The mask of {task.source} and the result of {tasks[task.mask].source} would both be written to "
                f"{task.mask}; run them with separate output folders."
            )
    _refuse_replacing_sources(tasks.values())
    return list(tasks.values())


def _refuse_replacing_sources(tasks: Iterable[FileTask]) -> None:
    sources = {identity: task.source for task in tasks if (identity := _identity(task.source)) is not None}
    for task in tasks:
        for output in task.outputs:
            replaced = sources.get(identity) if (identity := _identity(output)) is not None else None
            if replaced is not None:
                raise OutputConflictError(
                    f"The result of {task.source} would replace {replaced}; choose another folder."
                )


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells one file from all others, whatever links lead to it; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _pictures(folder: Path, skipped: Path | None, passed_over: Counter[str] | None) -> Iterator[Path]:
    closed: list[Path] = []

    def note(error: OSError) -> None:
        closed.append(Path(error.filename))
        if closed[-1] == folder:
            raise UnreadableFileError(f"{folder} cannot be searched: {error.strerror}.") from error

    for root, folders, names in os.walk(folder, onerror=note):
        here = Path(root)
        folders[:] = sorted(name for name in folders if (here / name).resolve() != skipped)
        for name in sorted(names):
            ending = Path(name).suffix.lower()
            if ending in PICTURE_SUFFIXES:
                yield here / name
            elif passed_over is not None and ending in _OTHER_PICTURES:
                passed_over[ending] += 1
    yield from closed


def read_photo(path: Path) -> bytes:
    """The bytes of a photo on disk.

    Raises:
        UnreadableFileError: it cannot be read, or is no regular file.
        TooLargeError: it is over 1 GiB.
    """
    if path.is_dir():
        raise UnreadableFileError(f"The folder {path} cannot be searched.")
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
    # One name per target: what a killed run left is overwritten by the next. A digest is short, and a name
    # may be as long as a file system allows.
    part = path.with_name(f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:24]}{_PART_SUFFIX}")
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
