"""Recognising what says where a photo was taken, for `keep-except-gps`."""

from __future__ import annotations

import re

# Names of fields, as XMP, JSON in descriptions and programs' comments have them.
_NAMES = re.compile(
    r"gps|latitude|longitude|altitude|geo[-_ ]?(?:tag|location|code|point|hash|uri)|geo:|iso.?6709|what3words",
    re.IGNORECASE,
)
_PLACES = re.compile(
    r"(?:lat|lng|lon|alt|city|town|state|region|province(?:state)?|country.*|sub-?location|location.*|address|landmark"
    r"|worldregion|venue.*)",
    re.IGNORECASE,
)
# 48.85837, 2.29448 and +48.8583+002.2945/ and 48°51'30" N
_COORDINATES = re.compile(
    r"(?<![\d.])-?\d{1,3}\.\d{4,}°?\s*[NS]?\s*[,;/ ]\s*-?\d{1,3}\.\d{4,}|[+-]\d{2,6}\.\d+[+-]\d{3,7}\.\d+"
    r"|\d\s*°\s*\d{1,2}(?:\.\d+)?\s*['′’]",  # noqa: RUF001 - both are written for minutes
)


def names_place(name: str) -> bool:
    """True where a field of this name (without its namespace) tells a position, or a place by its name."""
    return bool(_NAMES.search(name) or _PLACES.fullmatch(name))


def tells_place(block: bytes) -> bool:
    """True where a free text seems to hold a position: a field's name, or a pair of coordinates.

    Names of places in sentences are not found.
    """
    text = block.replace(b"\0", b"").decode("utf-8", "replace")  # UTF-16, as far as it is ASCII
    if "\ufffd" in text:
        text = block.replace(b"\0", b"").decode("latin-1")
    return bool(_NAMES.search(text) or _COORDINATES.search(text))
