"""Recognising pictures inside of metadata, whichever way they are written there."""

from __future__ import annotations

import re

# First bytes, raw; some makers overwrite the very first one of a preview in their notes, hence JPEG without it.
_RAW = (
    b"\x89PNG", b"GIF87a", b"GIF89a", b"WEBPVP8", b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1", b"ftypavi",
    b"ftypmp4", b"ftypisom", b"ftypqt", b"\x00\x00\x00\x0cjP  ", b"\x00\x00\x00\x0cJXL ", b"II\xbc\x01",
)  # fmt: skip
_JPEG = re.compile(
    rb"\xff\xd8\xff[\xc0-\xcf\xdb\xdd\xe0-\xef\xfe]"
    rb"|\xd8\xff(?:\xdb\x00[\x43\x84\xc5]|\xe0\x00\x10JF|\xe1..Ex|\xc0\x00[\x0b\x11]|\xc4[\x00-\x02]|\xfe\x00)",
    re.DOTALL,
)
# The same in base64: of JPEG at each of the three places that its first byte can have in a group of four letters.
_BASE64 = re.compile(
    rb"/9j/[w-z0-9+/]|_9j_[w-z0-9_-]|[Pfv/]/Y/[89+/]|[DHLPTXbfjnrvz37/]/2P/|iVBORw0KG|R0lGOD[dl]|UklGR[A-Za-z0-9+/]"
    rb"|AAAA..Z0eX"
)
_HEX = re.compile(rb"ffd8ff[c-e]|89504e470d0a|52494646[0-9a-f]{8}57454250", re.IGNORECASE)

_LETTERS = re.compile(rb"[A-Za-z0-9+/_=-]+")
_GAP = re.compile(rb"(?:\\[nr]|&#(?:10|13|x[aAdD]);|\s)+")
_LONGEST_WORD = 512
"""Letters without a break: more are no text, but data in some code, and may as well be a picture."""

_SHORTEST_LINE = 32
"""Lines of as many letters, one after another, are such data too, wrapped as mail does."""

# What begins a whole file and is too long to stand anywhere by chance, also in megabytes of compressed pixels.
_FILES = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"WEBPVP8 ", b"WEBPVP8L", b"WEBPVP8X", b"\0\x10JFIF\0", b"ftypheic", b"ftypmp42",
    b"ftypisom", b"ftypavif", b"\xff\xd8\xff\xdb\0\x43\0", b"\xff\xd8\xff\xdb\0\x84\0",
)  # fmt: skip
_EXIF_FILE = re.compile(rb"\xff\xd8\xff\xe1..Exif\0\0", re.DOTALL)


def holds_picture(block: bytes) -> bool:
    """True where a metadata block seems to carry a picture or a film: too often is safe, too rarely is not.

    Found are first bytes of files, raw, in base64 and in hexadecimal, in one byte a letter or two, and letters that
    are no words but data in some code.
    """
    narrow = block.replace(b"\0", b"")  # text may be UTF-16
    return any(_seems_picture(text) for text in ((block,) if len(narrow) == len(block) else (block, narrow)))


def holds_file(data: bytes, start: int = 0) -> bool:
    """True where a whole picture file begins in `data` behind `start`, for certain.

    Finds less than `holds_picture`, and can be asked about compressed pixels and colour profiles, in which the
    short marks stand by chance.
    """
    return any(data.find(mark, start) >= 0 for mark in _FILES) or bool(_EXIF_FILE.search(data, start))


def _seems_picture(text: bytes) -> bool:
    if any(mark in text for mark in _RAW):
        return True
    return any(pattern.search(text) for pattern in (_JPEG, _BASE64, _HEX)) or _holds_code(text)


def _holds_code(text: bytes) -> bool:
    """A word, or lines of words, that only a machine can have written. Linear in the length of `text`."""
    wrapped = 0
    end = 0
    for word in _LETTERS.finditer(text):
        length = word.end() - word.start()
        if length < _SHORTEST_LINE:
            continue
        joined = wrapped and _GAP.fullmatch(text, end, word.start())
        wrapped = wrapped + length if joined else length
        if wrapped >= _LONGEST_WORD:
            return True
        end = word.end()
    return False
