"""What `tests/unit/jobs/test_retention.py` says holds on MariaDB too."""

from tests.unit.jobs.test_retention import *  # noqa: F403
