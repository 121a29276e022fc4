"""What `tests/unit/jobs/test_maintain.py` says holds on MariaDB too."""

from tests.unit.jobs.test_maintain import *  # noqa: F403
