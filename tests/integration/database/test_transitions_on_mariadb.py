"""What `tests/unit/database/test_transitions.py` says holds on MariaDB too."""

from tests.unit.database.test_transitions import *  # noqa: F403
