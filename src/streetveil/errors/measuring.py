"""Measuring: data sets and `streetveil bench`."""

from __future__ import annotations

from streetveil.errors.base import StreetveilError
from streetveil.errors.kinds import UnprocessableError


class DatasetError(UnprocessableError):
    """A data set to measure on is missing or broken; the message names the file and the line."""

    code = "invalid_dataset"


class MeasurementError(StreetveilError):
    """`streetveil bench` could not measure: a process did not start, or refused what it must take."""

    code = "measurement_failed"
