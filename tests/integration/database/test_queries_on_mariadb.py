"""What `tests/unit/database/test_queries.py` says holds on MariaDB too."""

from tests.unit.database.test_queries import *  # noqa: F403
