"""Servers that several folders of tests share."""

from collections.abc import Iterator

import pytest
from tests.support.mariadb import MigratedMariaDb
from tests.support.servers import MariaDb


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory) -> Iterator[MariaDb]:
    """A server for tests that do it no harm; each has a database of its own."""
    with MariaDb(tmp_path_factory.mktemp("mariadb")) as server:
        # Nothing here outlives the machine, and waiting for the disk is most of what commits take.
        server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 0")
        yield server


@pytest.fixture(scope="session")
def migrated_mariadb(mariadb) -> Iterator[MigratedMariaDb]:
    """A database with all tables, to be emptied between tests: making them takes longer than a test."""
    made = MigratedMariaDb(mariadb.url("migrated"))
    yield made
    made.close()
