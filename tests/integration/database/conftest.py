"""The fixtures of the unit tests, with MariaDB in place of SQLite."""

import pytest
from tests.unit.database.conftest import add, make_job

from streetveil.database.engine import open_engine
from streetveil.database.unit_of_work import SqlDatabase

__all__ = ["add", "make_job"]


@pytest.fixture
def engine(migrated_mariadb):
    opened = open_engine(migrated_mariadb.emptied())
    yield opened
    opened.dispose()


@pytest.fixture
def database(engine):
    return SqlDatabase(engine)


@pytest.fixture
def open_empty(migrated_mariadb):
    """Opens the database without rows, each time anew."""
    return lambda: SqlDatabase(open_engine(migrated_mariadb.emptied()))
