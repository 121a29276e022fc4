"""One file on its way in, and the rules it has to keep.

It goes to a temporary file without a name (nothing is left behind even if the process is killed), and is
measured, hashed and looked into on the way: after the first few kilobytes it is known whether it is a
picture we take.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from streetveil.errors import EmptyFileError, StorageUnavailableError, TooLargeError
from streetveil.imaging.formats import SNIFF_BYTES
from streetveil.imaging.header import ImageHeader, read_header


@dataclass(frozen=True, slots=True)
class FormRules:
    """What a form may contain.

    Attributes:
        file_field: the name of the part(s) that hold photos.
        fields: names of the other parts that are known.
        max_files: more of them refuse the whole form.
        max_file_bytes, max_total_bytes: of one file, and of the whole body.
        memory_bytes: of each file so much stays in memory, a longer one goes to `spool_dir`.
        fail_alone: a bad file becomes a RefusedFile and the others are read on; otherwise it refuses the form.
    """

    file_field: str
    fields: frozenset[str]
    max_files: int
    max_file_bytes: int
    max_total_bytes: int
    max_pixels: int
    spool_dir: Path
    memory_bytes: int = 768 * 1024
    fail_alone: bool = False


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A file that came in whole and starts like a picture we take; `content` is open and at its start."""

    filename: str
    content: BinaryIO
    size: int
    sha256: str
    header: ImageHeader


class IncomingFile:
    """One file on its way in: measured, hashed and looked into while it is written down.

    Raises (from `write` and `finish`):
        TooLargeError: it is over `max_file_bytes`.
        StorageUnavailableError: the disk is full.
        EmptyFileError, UnsupportedMediaError, AnimatedImageError, UnsupportedPixelFormatError,
            UndecodableImageError, TooManyPixelsError: it is no picture that can be taken.
    """

    # The header is tried at these lengths only, so that a file that hides its size far back is not
    # parsed anew for every piece that arrives. One found at none of them is read at the end.
    _LOOK_AT = (SNIFF_BYTES, 1 << 10, 1 << 13, 1 << 16, 1 << 19)

    def __init__(self, filename: str, rules: FormRules) -> None:
        self.filename = filename
        self._rules = rules
        self._content = cast(
            "BinaryIO",
            SpooledTemporaryFile(max_size=rules.memory_bytes, dir=str(rules.spool_dir)),  # noqa: SIM115  # see close
        )
        self._hash = hashlib.sha256()
        self._size = 0
        self._looked = 0
        self._header: ImageHeader | None = None

    def write(self, piece: memoryview) -> None:
        self._size += len(piece)
        if self._size > self._rules.max_file_bytes:
            raise TooLargeError(f"The file is larger than the {self._rules.max_file_bytes} bytes that are allowed.")
        try:
            self._content.write(piece)
        except OSError as error:
            raise StorageUnavailableError("There is no room for the file at this moment.") from error
        self._hash.update(piece)
        if self._header is None and self._looked < len(self._LOOK_AT) and self._size >= self._LOOK_AT[self._looked]:
            self._look()

    def finish(self) -> ReceivedFile:
        if not self._size:
            raise EmptyFileError("The file is empty.")
        if self._header is None:
            self._header = read_header(self._head(self._size), complete=True, max_pixels=self._rules.max_pixels)
        if self._header is None:  # a complete file is either understood or refused
            raise AssertionError("read_header asked for more than the whole file")
        self._content.seek(0)
        return ReceivedFile(self.filename, self._content, self._size, self._hash.hexdigest(), self._header)

    def close(self) -> None:
        self._content.close()

    def _look(self) -> None:
        # Only the first bytes up to the longest length that is due: the rest cannot change the answer.
        while self._looked < len(self._LOOK_AT) and self._size >= self._LOOK_AT[self._looked]:
            self._looked += 1
        head = self._head(self._LOOK_AT[self._looked - 1])
        self._header = read_header(head, complete=False, max_pixels=self._rules.max_pixels)

    def _head(self, length: int) -> bytes:
        self._content.seek(0)
        head = self._content.read(length)
        self._content.seek(self._size)
        return head
