"""Telling texts from other bytes in places where texts belong."""

from __future__ import annotations

LONGEST_NUMBERS = 512
"""Bytes of a value that is no text: more may be the pixels of a preview, which nothing marks."""

_NO_TEXT = bytes({*range(32)} - {*b"\t\n\f\r\x1b"})  # escapes switch between Japanese character sets


def reads_as_text(value: bytes) -> bool:
    """True where long bytes read as text in ASCII, UTF-8, an old code of one or two bytes a letter, or UTF-16."""
    text = value.rstrip(b"\0")
    for code in (b"ASCII\0\0\0", b"JIS\0\0\0\0\0", b"UNICODE\0", bytes(8)):
        text = text.removeprefix(code)  # of user comments
    if len(text.translate(None, _NO_TEXT)) == len(text):
        return True
    text += b"\0" * (len(text) % 2)
    for order in ("utf-16-le", "utf-16-be"):
        try:
            letters = text.decode(order)
        except UnicodeDecodeError:
            continue
        if all(letter.isprintable() or letter.isspace() or letter == "\ufeff" for letter in letters):
            return True
    return False


def may_be_pixels(value: bytes) -> bool:
    """True where a value is longer than numbers are and does not read as text."""
    return len(value) > LONGEST_NUMBERS and not reads_as_text(value)
