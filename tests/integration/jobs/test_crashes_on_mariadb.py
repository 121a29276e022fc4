"""What `tests/unit/jobs/test_crashes.py` says holds on MariaDB too."""

from tests.unit.jobs.test_crashes import *  # noqa: F403
