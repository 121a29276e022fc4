"""Migrations on both databases: up, down, twice, at once, interrupted; and what is told of schemas that do not fit."""

import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import event, inspect, text
from tests.support.servers import wait_until

from streetveil.database.base import BatchRow
from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.tables import Base
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import new_id
from streetveil.errors import ConfigurationError, SchemaMismatchError

UPGRADE = """
import sys
from streetveil.database.engine import open_engine
from streetveil.database.unit_of_work import SqlDatabase
database = SqlDatabase(open_engine(sys.argv[1]))
sys.stdin.readline()
database.upgrade()
database.check()
"""


@pytest.fixture(params=["sqlite", "mariadb"])
def url(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "jobs.db")
    return request.getfixturevalue("mariadb").url(f"m{new_id()[-12:]}")


@pytest.fixture
def engine(url):
    opened = open_engine(url)
    yield opened
    opened.dispose()


@pytest.fixture
def database(engine):
    return SqlDatabase(engine)


def tables(engine):
    return set(inspect(engine).get_table_names())


def test_migrations_make_exactly_the_tables_of_the_code(database, engine):
    database.upgrade()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    inspector = inspect(engine)
    for table in Base.metadata.tables.values():
        made = {index["name"] for index in inspector.get_indexes(table.name) if not index["unique"]}
        assert made == {index.name for index in table.indexes}


def test_up_again_keeps_the_rows_and_down_removes_everything(database, engine, make_job):
    database.upgrade()
    batch = BatchRow(new_id(), datetime(2026, 1, 1, 1, 1, 1, 999999, tzinfo=UTC))
    job = make_job(batch_id=batch.id, idempotency_key="k", filename="Straße 🚗.jpg")
    database.transact(lambda transaction: (transaction.batches.add(batch), transaction.jobs.add(job)))
    database.upgrade()
    with database.snapshot() as snapshot:
        assert snapshot.jobs.get(job.id) == job
    database.downgrade("base")
    assert tables(engine) <= {"alembic_version"}
    with pytest.raises(SchemaMismatchError, match="empty"):
        database.check()
    database.upgrade()
    database.check()
    with database.snapshot() as snapshot:
        assert snapshot.jobs.get(job.id) is None


def test_jobs_from_before_there_were_tenants_are_those_of_the_default_one(database, engine, make_job):
    database.upgrade()
    batch = BatchRow(new_id(), datetime(2026, 1, 1, 1, 1, 1, 999999, tzinfo=UTC))
    ours = make_job(batch_id=batch.id, idempotency_key="k")
    theirs = make_job(tenant="b", idempotency_key="k")

    def add(transaction):
        transaction.batches.add(batch)
        return transaction.jobs.add(ours), transaction.jobs.add(theirs)

    assert database.transact(add) == (True, True)
    database.downgrade("0001")
    with pytest.raises(SchemaMismatchError, match="db upgrade"):
        database.check()
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id, idempotency_key FROM processed_images")).all()
    assert set(rows) == {(ours.id, "k"), (theirs.id, None)}
    assert not any("tenant" in column["name"] for column in inspect(engine).get_columns("batches"))
    database.upgrade()
    database.check()
    with database.snapshot() as snapshot:
        assert snapshot.jobs.get(ours.id, tenant=DEFAULT_TENANT) == ours
        assert snapshot.batches.get(batch.id, tenant=DEFAULT_TENANT) == batch
        assert snapshot.jobs.get(theirs.id) == replace(theirs, tenant=DEFAULT_TENANT, idempotency_key=None)
    test_migrations_make_exactly_the_tables_of_the_code(database, engine)


def test_processes_that_upgrade_at_once_make_one_schema(url, database):
    processes: list[Any] = [
        subprocess.Popen([sys.executable, "-c", UPGRADE, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    database.check()


@pytest.mark.parametrize(
    ("what", "number"), [("CREATE INDEX", 3), ("ALTER TABLE", 2), ("CREATE INDEX", 10), ("DROP INDEX", 2)]
)
def test_an_upgrade_that_was_interrupted_is_finished_by_the_next(database, engine, what, number):
    done = []

    def interrupted(connection, _cursor, statement, *_more):
        if statement.lstrip().startswith(what):
            done.append(statement)
            if len(done) == number:
                raise KeyboardInterrupt

    event.listen(type(engine), "before_cursor_execute", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            database.upgrade()
    finally:
        event.remove(type(engine), "before_cursor_execute", interrupted)
    with pytest.raises(SchemaMismatchError, match="db upgrade"):
        database.check()
    database.upgrade()
    database.check()
    test_migrations_make_exactly_the_tables_of_the_code(database, engine)


@pytest.mark.parametrize("revision", ["nonsense", "", "9999", "-1"])
def test_a_revision_that_is_not_known_is_refused(database, revision):
    database.upgrade()
    with pytest.raises(ConfigurationError, match="there are: base, 0001"):
        database.downgrade(revision)
    database.check()


def test_what_a_container_runs_at_its_first_start_makes_a_database_that_can_be_upgraded(mariadb):
    script = (Path(__file__).parents[3] / "mysql-init/01-init.sql").read_text()
    for _ in range(2):
        mariadb.execute(script)
    database = SqlDatabase(open_engine(f"mysql+pymysql://root@127.0.0.1:{mariadb.port}/streetveil"))
    database.upgrade()
    database.check()
    database.close()


def test_an_upgrade_waits_for_the_one_that_another_process_is_at(mariadb):
    name = f"m{new_id()[-12:]}"
    database = SqlDatabase(open_engine(mariadb.url(name)))
    with database._engine.connect() as other:
        assert other.scalar(text(f"SELECT GET_LOCK('streetveil.{name}', 0)")) == 1
        upgrading = threading.Thread(target=database.upgrade)
        upgrading.start()
        waiting = text("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT GET_LOCK%'")
        wait_until(lambda: other.scalar(waiting) == 1, 20)
        assert tables(database._engine) == set()
        other.scalar(text(f"SELECT RELEASE_LOCK('streetveil.{name}')"))
    upgrading.join(60)
    database.check()
    database.close()
