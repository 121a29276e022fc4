"""Times and ranges of ids go together."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from streetveil.domain.job import first_id, new_id

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS)
def test_an_id_lies_in_the_range_of_its_millisecond(moment):
    assert first_id(moment) <= new_id(moment) < first_id(moment + timedelta(milliseconds=1))
    assert UUID(new_id(moment)).version == UUID(first_id(moment)).version == 7
    assert UUID(new_id(moment)).variant == RFC_4122


def test_74_bits_of_an_id_are_random():
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    varying = 0
    for _ in range(300):
        varying |= UUID(new_id(moment)).int ^ UUID(first_id(moment)).int
    assert varying == 0xFFF << 64 | (1 << 62) - 1
