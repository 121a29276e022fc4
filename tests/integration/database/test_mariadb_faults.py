"""A server that is wrong, refuses, hangs, forgets or is in its own way: told apart, and repeated where that is safe."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from tests.support.ports import free_port
from tests.support.servers import MariaDb

from streetveil.database.engine import open_engine
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import JobStatus, new_id
from streetveil.errors import ConfigurationError, DatabaseUnavailableError, OutcomeUnknownError, SchemaMismatchError

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def account(mariadb):
    """A user with the rights the product needs, on a database of its own; its URL has a password in it."""
    name = f"t{new_id()[-12:]}"
    mariadb.url(name)
    mariadb.execute(
        f"CREATE USER '{name}'@'%' IDENTIFIED BY 'pass word'; "
        f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON `{name}`.* TO '{name}'@'%'"
    )
    return f"mysql+pymysql://{name}:pass%20word@127.0.0.1:{mariadb.port}/{name}"


@pytest.fixture
def opened():
    databases: list[SqlDatabase] = []

    def open_database(url: str, **more: Any) -> SqlDatabase:
        databases.append(SqlDatabase(open_engine(url, **more)))
        return databases[-1]

    yield open_database
    for database in databases:
        database.close()


def test_the_rights_that_the_documentation_names_are_enough(opened, account):
    database = opened(account)
    database.upgrade()
    database.check()


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mariadb+pymysql"])
def test_other_names_for_the_same_are_understood(opened, account, scheme):
    database = opened(account.replace("mysql+pymysql", scheme))
    database.upgrade()
    database.check()


def test_a_wrong_password_is_for_the_operator_at_the_start_and_passes_later(opened, account):
    database = opened(account.replace("pass%20word", "secret"))
    with pytest.raises(ConfigurationError, match="refuses user t") as error:
        database.check()
    assert "secret" not in error.value.detail
    with pytest.raises(DatabaseUnavailableError, match="refuses user t"):
        database.transact(lambda transaction: transaction.jobs.get("x"))


def test_an_unknown_database_is_named(opened, mariadb):
    database = opened(f"mysql+pymysql://root@127.0.0.1:{mariadb.port}/nowhere")
    with pytest.raises(ConfigurationError, match="no database nowhere"):
        database.check()


def test_an_unreachable_server_is_named_with_the_reason(opened):
    port = free_port()
    database = opened(f"mysql+pymysql://root:secret@127.0.0.1:{port}/jobs")
    with pytest.raises(DatabaseUnavailableError, match=rf"127.0.0.1:{port} cannot be reached .*refused") as error:
        database.check()
    assert not isinstance(error.value, ConfigurationError)
    assert "secret" not in error.value.detail


def test_a_database_without_tables_is_told_to_be_upgraded(opened, account):
    database = opened(account)
    with pytest.raises(SchemaMismatchError, match="streetveil db upgrade"):
        database.check()
    with pytest.raises(SchemaMismatchError, match="streetveil db upgrade"):
        database.transact(lambda transaction: transaction.jobs.get("x"))


def test_a_read_only_server_fails_the_check(opened, account, mariadb):
    database = opened(account)
    database.upgrade()
    mariadb.execute("SET GLOBAL read_only = 1")
    try:
        with pytest.raises(DatabaseUnavailableError, match="read-only"):
            database.check()
    finally:
        mariadb.execute("SET GLOBAL read_only = 0")
    database.check()


def test_too_many_connections_are_told(opened, account, mariadb):
    user = account.split("//")[1].split(":")[0]
    database = opened(account)
    database.upgrade()
    mariadb.execute(f"GRANT USAGE ON *.* TO '{user}'@'%' WITH MAX_USER_CONNECTIONS 1")
    with database.snapshot() as snapshot:
        snapshot.jobs.get("x")
        with pytest.raises(DatabaseUnavailableError, match="too many connections"):
            opened(account).check()


def test_a_pool_that_is_used_up_is_told(opened, account):
    database = opened(account, pool_size=1, pool_overflow=0, pool_timeout_s=0.05)
    database.upgrade()
    with database.snapshot() as snapshot:
        snapshot.jobs.get("x")
        with pytest.raises(DatabaseUnavailableError, match="in use"):
            database.transact(lambda transaction: transaction.jobs.get("x"))


def test_a_server_that_hangs_holds_nobody_for_long(opened, tmp_path):
    with MariaDb(tmp_path / "m") as server:
        database = opened(server.url("jobs"), timeout_s=1.0)
        database.upgrade()
        server.pause()
        began = time.monotonic()
        try:
            for use in (database.check, lambda: database.transact(lambda transaction: transaction.jobs.get("x"))):
                with pytest.raises(DatabaseUnavailableError):
                    use()
        finally:
            took = time.monotonic() - began
            server.resume()
        assert took < 30  # minutes, without limits of time
        database.check()


def test_connections_of_a_server_that_was_restarted_are_replaced(opened, tmp_path):
    with MariaDb(tmp_path / "m") as server:
        database = opened(server.url("jobs"))
        database.upgrade()
        server.kill()
        with pytest.raises(DatabaseUnavailableError):
            database.check()
        server.start()
        database.check()


def kill(database):
    """Makes the server end the connection that `transaction` is on."""

    def act(transaction):
        mine = transaction.jobs._connection
        number = mine.execute(text("SELECT CONNECTION_ID()")).scalar()
        with database._engine.connect() as other:
            other.execute(text(f"KILL {number}"))

    return act


def test_work_whose_connection_is_lost_before_the_commit_is_done_again(database, make_job):
    job = make_job()
    tries: list[int] = []
    queued: list[int] = []

    def work(transaction):
        transaction.jobs.add(job)
        transaction.after_commit(lambda: queued.append(len(tries)))
        tries.append(1)
        if len(tries) == 1:
            kill(database)(transaction)
        return transaction.jobs.get(job.id)

    assert database.transact(work) == job
    assert queued == [2]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_commit_whose_answer_was_lost_is_not_repeated(database, engine, make_job, moment):
    job = make_job()
    tries: list[int] = []
    queued: list[int] = []
    committed = type(engine.dialect).do_commit
    lost = engine.dialect.loaded_dbapi.OperationalError(2013, "Lost connection to MySQL server during query")

    def commit(connection):
        if moment == "after":
            committed(engine.dialect, connection)
        raise lost

    def work(transaction):
        tries.append(1)
        transaction.jobs.add(job)
        transaction.after_commit(lambda: queued.append(1))

    engine.dialect.do_commit = commit
    try:
        with pytest.raises(OutcomeUnknownError):
            database.transact(work)
    finally:
        del engine.dialect.do_commit
    assert (len(tries), queued) == (1, [])
    with database.snapshot() as snapshot:
        assert (snapshot.jobs.get(job.id) is not None) == (moment == "after")


def test_of_two_in_each_others_way_both_succeed(database, add):
    jobs = [add(), add()]
    met = threading.Barrier(2, timeout=20)
    tries: list[int] = []

    def work(order):
        def act(transaction):
            tries.append(1)
            assert transaction.jobs.claim(order[0].id, worker_id="w", now=NOW, lease=timedelta(1)) is not None
            if len(tries) <= 2:
                met.wait()  # each now has what the other wants
            transaction.jobs.remind([order[1].id], now=NOW)
            transaction.jobs.expire_original(order[1].id, now=NOW)
            transaction.jobs.erase(order[1].id, now=NOW)
            return True

        return act

    done = []
    threads = [
        threading.Thread(target=lambda order=order: done.append(_outcome(database, work(order))))
        for order in (jobs, jobs[::-1])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One was undone and done again, when the other had erased what it wanted to claim.
    assert sorted(done) == ["AssertionError", "done"]
    assert len(tries) == 3


def _outcome(database, work):
    try:
        database.transact(work)
    except AssertionError:
        return "AssertionError"
    return "done"


def test_a_lock_that_is_not_let_go_is_told_in_time(database, engine, add):
    job = add()
    waits: list[str] = []
    event.listen(engine, "connect", lambda connection, _: connection.query("SET innodb_lock_wait_timeout = 1"))
    engine.dispose()
    with engine.begin() as holder:
        holder.execute(text("SELECT id FROM processed_images WHERE id = :id FOR UPDATE"), {"id": job.id})
        with pytest.raises(DatabaseUnavailableError, match="same rows"):
            SqlDatabase(engine, sleep=lambda _: waits.append("")).transact(
                lambda transaction: transaction.jobs.erase(job.id, now=NOW)
            )
    assert waits
    with database.snapshot() as snapshot:
        assert snapshot.jobs.get(job.id).status is JobStatus.SUBMITTED


def test_times_are_utc_and_keys_compare_byte_by_byte(database, engine, make_job):
    with engine.connect() as connection:
        zone, level, charset = connection.execute(
            text("SELECT @@session.time_zone, @@session.tx_isolation, @@session.character_set_connection")
        ).one()
    assert (zone, level, charset) == ("+00:00", "READ-COMMITTED", "utf8mb4")
    for key in ("key", "KEY", "Key"):
        job = make_job(idempotency_key=key)
        assert database.transact(lambda transaction, job=job: transaction.jobs.add(job))


@pytest.mark.parametrize("job_id", ["\ud800", "\x00", "x" * 100_000, "🚗", "%", "' OR 1=1 --"])
def test_ids_that_name_nothing_are_not_found(database, add, job_id):
    add()
    with database.snapshot() as snapshot:
        assert snapshot.jobs.get(job_id) is None
        assert snapshot.batches.get(job_id, tenant=DEFAULT_TENANT) is None


def test_an_id_with_a_space_behind_it_is_another(database, add):
    job = add()
    with database.snapshot() as snapshot:
        assert snapshot.jobs.get(job.id + " ") is None
    assert not database.transact(lambda transaction: transaction.jobs.erase(job.id + " ", now=NOW))
