"""Percentiles are values that occurred."""

import pytest

from streetveil.domain.reports import Percentiles


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], Percentiles(3, 3, 3)),
        ([2.0, 1.0], Percentiles(1, 2, 2)),
        ([float(number) for number in range(100, 0, -1)], Percentiles(50, 95, 99)),
    ],
)
def test_percentiles_are_nearest_ranks(values, expected):
    assert Percentiles.of(values) == expected


def test_nothing_has_no_percentiles():
    assert Percentiles.of([]) is None
