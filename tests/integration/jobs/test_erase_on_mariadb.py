"""What `tests/unit/jobs/test_erase.py` says holds on MariaDB too."""

from tests.unit.jobs.test_erase import *  # noqa: F403
