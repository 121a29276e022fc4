"""What `tests/unit/jobs/test_review.py` says holds on MariaDB too."""

from tests.unit.jobs.test_review import *  # noqa: F403
