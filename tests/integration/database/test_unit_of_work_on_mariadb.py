"""What `tests/unit/database/test_unit_of_work.py` says holds on MariaDB too."""

from tests.unit.database.test_unit_of_work import *  # noqa: F403
