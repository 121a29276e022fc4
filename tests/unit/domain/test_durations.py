from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streetveil.domain.durations import duration_text, parse_duration


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0", timedelta()),
        ("0d", timedelta()),
        ("45s", timedelta(seconds=45)),
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        (" 30 D ", timedelta(days=30)),
        ("8w", timedelta(weeks=8)),
    ],
)
def test_lengths_are_read_as_people_write_them(text, length):
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text", ["", "30", "d", "-1d", "1.5h", "1d12h", "1y", "٣d", "9999999999d", "101y", "99999999w"]
)
def test_what_could_mean_something_else_is_refused(text):
    with pytest.raises(ValueError, match="such as 0, 12h, 30d or 8w"):
        parse_duration(text)


@given(st.integers(0, 3_000_000_000).map(lambda seconds: timedelta(seconds=seconds)))
def test_what_is_written_reads_back(length):
    if len(duration_text(length)) <= 10:  # beyond a century in seconds nobody need read it
        assert parse_duration(duration_text(length)) == length
