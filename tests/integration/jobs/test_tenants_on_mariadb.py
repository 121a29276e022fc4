"""What `tests/unit/jobs/test_tenants.py` says holds on MariaDB too."""

from tests.unit.jobs.test_tenants import *  # noqa: F403
