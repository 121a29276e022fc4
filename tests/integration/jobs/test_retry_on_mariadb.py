"""What `tests/unit/jobs/test_retry.py` says holds on MariaDB too."""

from tests.unit.jobs.test_retry import *  # noqa: F403
