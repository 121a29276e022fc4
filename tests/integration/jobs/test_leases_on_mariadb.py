"""What `tests/unit/jobs/test_leases.py` says holds on MariaDB too."""

from tests.unit.jobs.test_leases import *  # noqa: F403
