from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.redaction.camera_files import FILM, SECRETS

from streetveil.redaction import hidden

FILES = [
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"RIFF\0\0\0\0WEBPVP8 ", b"WEBPVP8L", b"WEBPVP8X", b"\xff\xe0\0\x10JFIF\0",
    b"\0\0\0\x18ftypheic", b"ftypmp42", b"ftypisom", b"ftypavif",
    b"\xff\xd8\xff\xdb\0\x43\0", b"\xff\xd8\xff\xdb\0\x84\0",
    b"\xff\xd8\xff\xe1\x12\x34Exif\0\0",
]  # fmt: skip


@given(st.binary(max_size=70), st.sampled_from(FILES), st.binary(max_size=40), st.integers(0, 30))
def test_a_file_is_found_wherever_it_begins(before, mark, behind, start):
    data = before + mark + behind
    begins = len(before) + (mark.find(b"WEBP") if b"RIFF" in mark else max(mark.find(b"ftyp"), mark.find(b"\0\x10"), 0))
    assert hidden.holds_file(data)
    assert hidden.holds_file(data, start) or begins < start


@given(st.binary(max_size=90), st.sampled_from(FILES), st.integers(1, 4), st.integers(0, 20))
def test_the_fast_search_finds_what_the_plain_one_finds(before, mark, missing, start):
    for data in (before, before + mark, before + mark[:-missing] + before):
        assert hidden.holds_file(data, start) == hidden._begins_file(data, start)


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4 * hidden._PIECE - 5, 4 * hidden._PIECE - 2, 4 * hidden._PIECE + 3])
def test_a_file_across_two_pieces_is_found(place):
    data = bytearray(4 * hidden._PIECE + 100)
    data[place : place + 12] = b"\xff\xd8\xff\xe1\x12\x34Exif\0\0"
    assert hidden.holds_file(bytes(data))
    assert not hidden.holds_file(bytes(data), place + 1)


def test_a_file_among_nothing_but_beginnings_is_found():
    bait = b"ftypFIFI" * 20_000
    assert not hidden.holds_file(bait)
    assert hidden.holds_file(bait + b"ftypheic")


@pytest.mark.parametrize("data", [b"", b"\xff", b"ftyphei"])
def test_what_is_shorter_than_any_mark_holds_nothing(data):
    assert not hidden.holds_file(data)
    assert not hidden.holds_file(data, 50)


@pytest.mark.parametrize("picture", [*SECRETS.values(), FILM], ids=[*SECRETS, "film"])
def test_a_picture_is_seen_in_metadata_though_its_first_bytes_are_damaged(picture):
    note = b"what a maker notes, with numbers: " + bytes(range(256))
    assert not hidden.holds_picture(note)
    assert hidden.holds_picture(note + picture)
    assert hidden.holds_picture(note + b"\0damaged" + picture[8:])
