"""What `tests/unit/jobs/test_notify.py` says holds on MariaDB too."""

from tests.unit.jobs.test_notify import *  # noqa: F403
