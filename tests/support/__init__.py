"""What several test folders share: real servers, contracts of adapters, and processes of our own."""

import pytest

pytest.register_assert_rewrite("tests.support.storage_contract")
