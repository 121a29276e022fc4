"""The Content-Disposition header (RFC 6266), read and written, and what is left of a file name we can trust."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal
from urllib.parse import quote, unquote_to_bytes

from streetveil.errors import InvalidFilenameError, MalformedRequestError

MAX_FILENAME = 255
"""Characters of a file name, as most file systems allow."""

_PARAMETER = re.compile(
    r""";[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;"]*)[ \t]*""", re.DOTALL
)


def parse_disposition(header: bytes) -> dict[str, str]:
    """The parameters of a `form-data` disposition; `filename*` (RFC 8187) comes decoded.

    Raises:
        MalformedRequestError: it is no form-data disposition or cannot be read.
    """
    try:
        text = header.decode()
    except UnicodeDecodeError:
        text = header.decode("latin-1")
    kind, semicolon, rest = text.partition(";")
    if kind.strip().lower() != "form-data":
        raise MalformedRequestError("A part of the form has no Content-Disposition: form-data.")
    parameters: dict[str, str] = {}
    rest, position = (semicolon + rest).rstrip(" \t;"), 0
    while position < len(rest):
        match = _PARAMETER.match(rest, position)
        if match is None:
            raise MalformedRequestError("A part of the form has a Content-Disposition that cannot be read.")
        name, value = match[1].lower(), match[2]
        if value.startswith('"'):
            # Only quotes are unescaped: browsers send backslashes, of Windows paths, as they are.
            value = value[1:-1].replace('\\"', '"')
        if name.endswith("*"):
            value = _extended(value)
        if parameters.setdefault(name, value) != value:
            raise MalformedRequestError(f"A part of the form gives {name[:40]!r} twice.")
        position = match.end()
    return parameters


def _extended(value: str) -> str:
    charset, _, rest = value.partition("'")
    _, _, encoded = rest.partition("'")
    try:
        return unquote_to_bytes(encoded).decode({"utf-8": "utf-8", "iso-8859-1": "latin-1"}[charset.lower()])
    except (KeyError, UnicodeDecodeError):
        raise MalformedRequestError("A part of the form has an extended parameter that cannot be read.") from None


def clean_filename(name: str) -> str:
    """The last component of what the client calls its file: a label, never used as a path.

    Folders before it are dropped, as browsers send them with uploaded folders. A file without a name is
    called "unnamed".

    Raises:
        InvalidFilenameError: the name is too long, climbs with "..", or has control characters.
    """
    parts = re.split(r"[/\\]", name)
    if ".." in parts:
        raise InvalidFilenameError("The file name must not contain '..' as a folder.")
    last = unicodedata.normalize("NFC", parts[-1]).strip()
    if len(last) > MAX_FILENAME:
        raise InvalidFilenameError(f"The file name is longer than {MAX_FILENAME} characters.")
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in last):
        raise InvalidFilenameError("The file name contains control characters.")
    return last if last not in {"", "."} else "unnamed"


def format_disposition(kind: Literal["inline", "attachment"], filename: str) -> str:
    """A header that gives `filename` in ASCII for every client, and whole (RFC 8187) for those that know how."""
    ascii_name = re.sub(r"[^A-Za-z0-9 ._()-]", "_", filename)
    header = f'{kind}; filename="{ascii_name}"'
    return header if ascii_name == filename else f"{header}; filename*=UTF-8''{quote(filename, safe='')}"
