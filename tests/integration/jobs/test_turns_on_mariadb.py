"""What `tests/unit/jobs/test_turns.py` says holds on MariaDB too."""

from tests.unit.jobs.test_turns import *  # noqa: F403
