"""Reads a `multipart/form-data` body (RFC 7578) while it arrives, refusing what is wrong as early as it shows.

`FormReader` is fed pieces of a body and knows no HTTP; `receive.py` feeds it from a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from streetveil.api.disposition import clean_filename, parse_disposition
from streetveil.api.incoming import FormRules, IncomingFile, ReceivedFile
from streetveil.errors import (
    InvalidOptionError,
    MalformedRequestError,
    MissingFieldError,
    StreetveilError,
    TooLargeError,
)

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_HEADER_BYTES = 64 * 1024
MAX_HEADERS = 16
MAX_FIELD_BYTES = 4096
MAX_FIELDS = 32
OVERHEAD_BYTES = 1024 * 1024
"""What a body may hold besides its files: fields, part headers, boundaries."""

REPEATABLE = frozenset({"classes"})


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file of a batch that cannot be taken, and why."""

    filename: str
    error: StreetveilError


@dataclass(slots=True)
class Form:
    """What a body contained. Close it when done: that removes the temporary files."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[ReceivedFile | RefusedFile] = field(default_factory=list)

    def close(self) -> None:
        for item in self.files:
            if isinstance(item, ReceivedFile):
                item.content.close()


class FormReader:
    """Takes a body piece by piece; `finish` gives the form. After an error or `close` nothing is left on disk.

    Raises (from `__init__`, `feed` and `finish`):
        MalformedRequestError: the body is not well-formed, or has more or longer parts than allowed.
        MissingFieldError: there is no file, or it stands under another name.
        InvalidFilenameError: a file's name cannot be accepted.
        InvalidOptionError: a field is unknown or was given twice.
        TooLargeError: the body is over its limit.
        EmptyFileError, UnsupportedMediaError, UndecodableImageError, TooManyPixelsError ...: the file cannot be
            taken; where it fails alone it becomes a RefusedFile instead.
    """

    def __init__(self, boundary: bytes, rules: FormRules) -> None:
        self._rules = rules
        self._form = Form()
        self._file: IncomingFile | None = None
        self._field: str | None = None
        self._value = bytearray()
        self._field_count = 0
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._headers: dict[str, bytes] = {}
        self._total = 0
        self._ended = False
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        try:
            self._parser = MultipartParser(
                boundary, callbacks, max_header_count=MAX_HEADERS, max_header_size=MAX_HEADER_BYTES
            )
        except FormParserError as error:
            raise MalformedRequestError("The boundary of the form is too long.") from error

    def feed(self, piece: bytes) -> None:
        self._total += len(piece)
        if self._total > self._rules.max_total_bytes:
            raise TooLargeError(f"The request is larger than the {self._rules.max_total_bytes} bytes that are allowed.")
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise MalformedRequestError(f"The form is not well-formed multipart/form-data: {error}.") from error

    def finish(self) -> Form:
        """The whole form; the caller closes it."""
        if not self._ended:
            raise MalformedRequestError("The form ends before its closing boundary.")
        if not self._form.files:
            raise MissingFieldError(f"The form has no file in the field {self._rules.file_field!r}.")
        form, self._form = self._form, Form()
        return form

    def close(self) -> None:
        """Removes all files that `finish` has not handed over."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._form.close()

    def _on_part_begin(self) -> None:
        self._headers = {}

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header_name.decode("latin-1").lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        parameters = parse_disposition(self._headers.get("content-disposition", b""))
        if "name" not in parameters:
            raise MalformedRequestError("A part of the form has no name in its Content-Disposition.")
        if parameters["name"] == self._rules.file_field:
            self._begin_file(parameters)
        else:
            self._begin_field(parameters)

    def _begin_file(self, parameters: Mapping[str, str]) -> None:
        if len(self._form.files) >= self._rules.max_files:
            raise MalformedRequestError(f"The form has more than the {self._rules.max_files} file(s) that are allowed.")
        name = parameters.get("filename*") or parameters.get("filename", "")
        try:
            self._file = IncomingFile(clean_filename(name), self._rules)
        except StreetveilError as error:
            self._refuse(name[:100], error)

    def _begin_field(self, parameters: Mapping[str, str]) -> None:
        name = parameters["name"]
        if "filename" in parameters or "filename*" in parameters:
            raise MissingFieldError(f"The file must be in the field {self._rules.file_field!r}, not in {name[:40]!r}.")
        self._field_count += 1
        if self._field_count > MAX_FIELDS:
            raise MalformedRequestError(f"The form has more than {MAX_FIELDS} fields.")
        if name not in self._rules.fields:
            known = ", ".join(sorted(self._rules.fields))
            raise InvalidOptionError(f"unknown field {name[:40]!r}; known are {self._rules.file_field}, {known}.")
        self._field = name
        self._value.clear()

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is not None:
            if len(self._value) + end - start > MAX_FIELD_BYTES:
                raise MalformedRequestError(f"The field {self._field!r} is longer than {MAX_FIELD_BYTES} bytes.")
            self._value += data[start:end]
        elif self._file is not None:
            try:
                self._file.write(memoryview(data)[start:end])
            except StreetveilError as error:
                self._refuse(self._file.filename, error)

    def _on_part_end(self) -> None:
        if self._field is not None:
            self._keep_field(self._field)
            self._field = None
        elif self._file is not None:
            file = self._file
            try:
                received = file.finish()
            except StreetveilError as error:
                self._refuse(file.filename, error)
            else:
                self._form.files.append(received)
                self._file = None

    def _keep_field(self, name: str) -> None:
        try:
            value = self._value.decode()
        except UnicodeDecodeError as error:
            raise MalformedRequestError(f"The field {name!r} is not UTF-8.") from error
        if not value:  # forms in browsers send every field; one left empty is one not given
            return
        before = self._form.fields.get(name)
        if before is not None and name not in REPEATABLE:
            raise InvalidOptionError(f"{name} was given more than once.")
        self._form.fields[name] = value if before is None else f"{before},{value}"

    def _on_end(self) -> None:
        self._ended = True

    def _refuse(self, filename: str, error: StreetveilError) -> None:
        """Ends the request, or in a batch this file alone: the rest of it is read and dropped."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if not self._rules.fail_alone:
            raise error
        self._form.files.append(RefusedFile(filename, error))
