import os

from hypothesis import given
from hypothesis import strategies as st

from streetveil.cli.text import visible


def test_ordinary_names_are_left_as_they_are():
    assert visible("photos/Straße 写真 (1).jpg") == "photos/Straße 写真 (1).jpg"


def test_what_would_steer_a_terminal_or_is_no_character_is_spelled_out():
    assert visible("a\x1b[2Jb\nc") == "a\\x1b[2Jb\\nc"
    assert visible(os.fsdecode(b"caf\xe9")) == "caf\\udce9"
    assert visible("gpj\u202e.exe") == "gpj\\u202e.exe"


@given(st.text(st.characters(exclude_categories=())))
def test_every_text_can_be_printed_in_one_line(text):
    assert visible(text).encode("utf-8").isascii() or visible(text).isprintable()
    assert visible(text).isprintable()
