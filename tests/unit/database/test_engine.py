"""Database URLs, and SQLite as it is opened."""

import sqlite3

import pytest

from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.errors import ConfigurationError, DatabaseUnavailableError


def test_a_file_that_is_no_database_is_reported(tmp_path):
    (tmp_path / "jobs.db").write_bytes(b"This is a text, not a database." * 100)
    database = SqlDatabase(open_engine(sqlite_url(tmp_path / "jobs.db")))
    with pytest.raises(DatabaseUnavailableError):
        database.check()
    database.close()


def test_a_database_that_cannot_be_written_to_fails_the_check(database, path):
    database.check()
    database.close()
    holder = sqlite3.connect(path)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN IMMEDIATE")
    impatient = SqlDatabase(open_engine(sqlite_url(path), busy_timeout_s=0.05))
    with pytest.raises(DatabaseUnavailableError):
        impatient.check()
    impatient.close()
    holder.close()


def test_only_the_owner_can_read_the_file(database, path):
    database.check()
    for file in path.parent.glob("jobs.db*"):
        assert file.stat().st_mode & 0o077 == 0, file


@pytest.mark.parametrize(
    "url", ["", "nonsense", "postgresql://user:secret@host/db", "sqlite://", "sqlite:///:memory:", "mysql://secret"]
)
def test_urls_that_cannot_be_used_are_refused_without_repeating_them(url):
    with pytest.raises(ConfigurationError) as error:
        open_engine(url)
    assert "secret" not in error.value.detail


def test_a_commit_waits_until_it_is_on_the_disk(path):
    engine = open_engine(sqlite_url(path))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
    engine.dispose()
