"""Times and ranges of ids go together."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from streetveil.domain.job import first_id, new_id

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS)
def test_an_id_lies_in_the_range_of_its_millisecond(moment):
    assert first_id(moment) <= new_id(moment) < first_id(moment + timedelta(milliseconds=1))
    assert UUID(new_id(moment)).version == UUID(first_id(moment)).version == 7
