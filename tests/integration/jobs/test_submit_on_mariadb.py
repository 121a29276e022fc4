"""What `tests/unit/jobs/test_submit.py` says holds on MariaDB too."""

from tests.unit.jobs.test_submit import *  # noqa: F403
