"""What `tests/unit/jobs/test_process.py` says holds on MariaDB too."""

from tests.unit.jobs.test_process import *  # noqa: F403
