"""What `tests/unit/jobs/test_crops.py` says holds on MariaDB too."""

from tests.unit.jobs.test_crops import *  # noqa: F403
