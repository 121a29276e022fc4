"""The schema: made by migrations, the same as the tables, checked at the start."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateTable

from streetveil.database import schema
from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.tables import Base
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.errors import SchemaMismatchError


@pytest.fixture
def engine(path):
    opened = open_engine(sqlite_url(path))
    yield opened
    opened.dispose()


def test_migrations_make_exactly_the_tables_of_the_code(engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_every_name_of_an_index_and_constraint_is_the_same_in_both(engine):
    inspector = inspect(engine)
    for table in Base.metadata.tables.values():
        made = {index["name"] for index in inspector.get_indexes(table.name)}
        assert made == {index.name for index in table.indexes}


def test_an_upgrade_of_an_empty_file_makes_a_database_that_passes_the_check(tmp_path):
    database = SqlDatabase(open_engine(sqlite_url(tmp_path / "new" / "jobs.db")))
    with pytest.raises(SchemaMismatchError, match="db upgrade"):
        database.check()
    database.upgrade()
    database.upgrade()
    database.check()
    database.close()


def test_a_newer_schema_is_refused_and_left_alone(database, engine):
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (database.check, database.upgrade):
        with pytest.raises(SchemaMismatchError, match="newer"):
            use()


def test_the_revisions_that_files_are_named_for_are_alembics():
    scripts = ScriptDirectory(schema._MIGRATIONS).walk_revisions()

    assert schema._revisions() == [step.revision for step in scripts][::-1]


def test_the_tables_can_be_written_in_the_language_of_mysql():
    dialect = mysql.dialect()
    script = "".join(str(CreateTable(table).compile(dialect=dialect)) for table in Base.metadata.sorted_tables)
    assert "created_at DATETIME(6) NOT NULL" in script
    assert script.count("CHARSET=utf8mb4") == len(Base.metadata.tables)
    assert script.count("COLLATE utf8mb4_bin") == len(Base.metadata.tables)
