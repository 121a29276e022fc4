"""What `tests/unit/jobs/test_crashes.py` says holds on MariaDB too, above all where answers to commits are lost."""

from tests.unit.jobs import test_crashes
from tests.unit.jobs.test_crashes import test_the_process_dies_at_any_step

__all__ = ["test_the_process_dies_at_any_step"]


def test_an_adapter_fails_once_after_any_step(make_house):
    test_crashes.test_an_adapter_fails_once_at_any_step(make_house, after=True)
