"""What `tests/unit/jobs/test_lost_ids.py` says holds on MariaDB too."""

from tests.unit.jobs.test_lost_ids import *  # noqa: F403
