"""A file name says what it says and can do no harm."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from streetveil.domain.job import MAX_FILENAME_LENGTH, display_name

ANYTHING = st.text(st.characters(), max_size=600)


@given(ANYTHING)
def test_any_name_becomes_one_that_can_be_stored_and_shown(name):
    shown = display_name(name)
    assert 1 <= len(shown) <= MAX_FILENAME_LENGTH
    assert "/" not in shown
    assert "\\" not in shown
    assert shown not in {".", ".."}
    assert not any(unicodedata.category(char).startswith("C") for char in shown)
    shown.encode()


@given(ANYTHING)
def test_a_name_that_was_made_harmless_stays_as_it_is(name):
    assert display_name(display_name(name)) == display_name(name)
