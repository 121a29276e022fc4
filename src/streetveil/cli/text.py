"""Names of files and messages about them, as a terminal can show them."""

from __future__ import annotations


def visible(text: object) -> str:
    """`text` in one line, with escapes for what is no character (a name that is not UTF-8) or steers a terminal."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in str(text)
    )
