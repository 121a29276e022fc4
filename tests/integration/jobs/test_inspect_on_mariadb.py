"""What `tests/unit/jobs/test_inspect.py` says holds on MariaDB too."""

from tests.unit.jobs.test_inspect import *  # noqa: F403
