"""Recognising pictures inside of metadata, whichever way they are written there."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import numpy.typing as npt

# First bytes, raw, and what follows soon behind them: some makers overwrite the very first byte of a preview in their
# notes, and a picture whose signature is damaged is one all the same.
_RAW = (
    b"\x89PNG", b"GIF87a", b"GIF89a", b"WEBPVP8", b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1", b"ftypavi",
    b"ftypmp4", b"ftypisom", b"ftypqt", b"\x00\x00\x00\x0cjP  ", b"\x00\x00\x00\x0cJXL ", b"II\xbc\x01",
    b"JFIF\0", b"\0\0\0\rIHDR", b"IDAT\x78", b"\x9d\x01\x2a", b"VP8L", b"VP8X", b"mdat", b"moov",
)  # fmt: skip
_JPEG = re.compile(
    rb"\xff\xd8\xff[\xc0-\xcf\xdb\xdd\xe0-\xef\xfe]"
    rb"|\xff\xc0\x00[\x0b\x11]\x08|\xff\xc2\x00[\x0b\x11]\x08|\xff\xda\x00[\x08\x0c][\x01\x03]"
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
_EXIF_PAIRS = (b"\xff\xd8", b"\xd8\xff", b"\xff\xe1", b"xi")  # at 0, 1, 2 and 7: one of them at each of four places

_STRIDE = 4
_REACH = 24
"""Bytes before and behind a suspicious pair that hold the whole mark."""

_PIECE = 1 << 18
_MOST_HITS = 4096
"""In one piece; a file with more is searched mark by mark, which takes the same time whatever it holds."""


def holds_picture(block: bytes) -> bool:
    """True where a metadata block seems to carry a picture or a film: too often is safe, too rarely is not.

    Found are first bytes of files, raw, in base64 and in hexadecimal, in one byte a letter or two; raw also what soon
    follows them; and letters that are no words but data in some code.
    """
    narrow = block.replace(b"\0", b"")  # text may be UTF-16
    return any(_seems_picture(text) for text in ((block,) if len(narrow) == len(block) else (block, narrow)))


def holds_file(data: bytes, start: int = 0) -> bool:
    """True where a whole picture file begins in `data` behind `start`, for certain.

    Finds less than `holds_picture`, and can be asked about compressed pixels and colour profiles, in which the
    short marks stand by chance.
    """
    # Only every fourth pair of bytes is looked at, all marks at once: each mark has one of its first pairs there.
    pairs = np.frombuffer(data, "<u2", max(len(data) - start, 0) // 2, min(start, len(data)))[:: _STRIDE // 2]
    for first in range(0, len(pairs), _PIECE):
        hits = np.flatnonzero(_suspicious()[pairs[first : first + _PIECE]])
        if len(hits) > _MOST_HITS:
            return _begins_file(data, start)
        places = (start + _STRIDE * (first + hits)).tolist()
        if any(_begins_file(data[max(at - _REACH, start) : at + _REACH]) for at in places):
            return True
    return False


def _begins_file(data: bytes, start: int = 0) -> bool:
    return any(data.find(mark, start) >= 0 for mark in _FILES) or bool(_EXIF_FILE.search(data, start))


@cache
def _suspicious() -> npt.NDArray[np.bool_]:
    """For each pair of bytes, whether a mark has it among its first ones."""
    table = np.zeros(1 << 16, np.bool_)
    for mark in _FILES:
        for at in range(_STRIDE):
            table[int.from_bytes(mark[at : at + 2], "little")] = True
    for pair in _EXIF_PAIRS:
        table[int.from_bytes(pair, "little")] = True
    return table


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
