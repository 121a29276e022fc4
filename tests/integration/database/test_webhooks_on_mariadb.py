"""What `tests/unit/database/test_webhooks.py` says holds on MariaDB too, but for how SQLite explains its plans."""

from tests.unit.database.test_webhooks import *  # noqa: F403

del test_what_is_due_is_found_by_an_index  # noqa: F821
