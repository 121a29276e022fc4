"""The audit log's tables: append-only, and whatever somebody writes past us, it can be read and does not verify."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from streetveil.domain.audit import Actor, AuditAction, AuditHead, AuditSeal
from streetveil.domain.reports import Backlog
from streetveil.jobs.audit import Sealer
from streetveil.jobs.audit_log import AuditLog

ANN = Actor("ann", "blue", "192.0.2.0/24")
AT = datetime(2026, 5, 4, 12, 30, 15, 123456, tzinfo=UTC)
SEAL = AuditSeal()


def record(database, count=1, **more):
    for number in range(count):
        event = ANN.did(AuditAction.SUBMIT, at=AT + timedelta(seconds=number), job_id=f"job-{number}", **more)
        database.transact(lambda transaction, event=event: transaction.audit.add(event))


@pytest.fixture
def sealed(database):
    """The log with five records."""
    record(database, 5, reason="Straße 🚗")
    Sealer(database=database, seal=SEAL)()
    return AuditLog(database=database, seal=SEAL)


@pytest.fixture
def write(database):
    """Writes into the tables past every rule of ours."""

    def execute(*statements):
        with database._engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))

    return execute


@pytest.fixture
def unguarded(write):
    write("DROP TRIGGER audit_log_no_update", "DROP TRIGGER audit_log_no_delete")


def numbers(verdict):
    return [fault.number for fault in verdict.faults]


def test_events_wait_until_they_are_sealed_and_come_back_as_they_were(database):
    event = ANN.did(AuditAction.REFUSE, at=AT, job_id="job-1", outcome="insufficient_scope", scope="erase", n=[1, None])
    database.transact(lambda transaction: transaction.audit.add(event))
    with database.snapshot() as snapshot:
        assert snapshot.audit.waiting(9) == snapshot.audit.waiting_of("job-1") == [event]
        assert snapshot.audit.waiting_of("job-2") == []
        assert snapshot.audit.head() == AuditHead()
    assert Sealer(database=database, seal=SEAL)() == 1
    with database.snapshot() as snapshot:
        (sealed,) = snapshot.audit.newest(9, job_id="job-1")
        assert (sealed.event, sealed.number, snapshot.audit.head()) == (event, 1, sealed.head)
        assert snapshot.audit.count_waiting() == 0


def test_what_is_not_sealed_is_counted_with_the_time_of_its_first(database):
    def backlog():
        with database.snapshot() as snapshot:
            return snapshot.audit.backlog()

    assert backlog() == Backlog()
    record(database, 3)
    assert backlog() == Backlog(3, AT)
    Sealer(database=database, seal=SEAL)()
    assert backlog() == Backlog()


def test_an_event_is_rolled_back_with_what_it_tells_of(database):
    def fail(transaction):
        transaction.audit.add(ANN.did(AuditAction.SUBMIT, at=AT))
        raise KeyError

    with pytest.raises(KeyError):
        database.transact(fail)
    with database.snapshot() as snapshot:
        assert snapshot.audit.count_waiting() == 0


def test_of_two_sealers_one_leaves_it_to_the_other(database, sealed):
    record(database, 1)
    with database.snapshot() as snapshot:
        events = snapshot.audit.waiting(9)
    late = list(SEAL.seal(events, AuditHead()))  # it had looked before the other one sealed
    assert not database.transact(lambda transaction: transaction.audit.append(late))
    assert Sealer(database=database, seal=SEAL)() == 1
    assert (sealed.verify().records, sealed.verify().faults) == (6, ())


def test_an_event_is_sealed_once_though_another_sealed_it_between_two_looks(database, sealed):
    record(database, 2)
    with database.snapshot() as snapshot:
        events = snapshot.audit.waiting(9)
    assert Sealer(database=database, seal=SEAL)() == 2
    record(database, 1)
    late = list(SEAL.seal(events, sealed.head()))  # a server shows the new head to who saw the events still waiting
    assert not database.transact(lambda transaction: transaction.audit.append(late))
    assert Sealer(database=database, seal=SEAL)() == 1
    assert (sealed.verify().records, sealed.verify().faults) == (8, ())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'bob' WHERE number = 3",
        "DELETE FROM audit_log WHERE number = 3",
        "DELETE FROM audit_log",
    ],
)
def test_records_can_be_neither_changed_nor_removed(sealed, write, statement):
    with pytest.raises(DBAPIError, match="append-only"):
        write(statement)
    assert sealed.verify().faults == ()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "'bob'"),
        ("action", "'nonsense'"),
        ("at", "'yesterday'"),
        ("at", "'2026-05-04T12:30:17.123456Z'"),
        ("job_id", "NULL"),
        ("origin", "NULL"),
        ("outcome", "'failed'"),
        ("tenant", "'red'"),
        ("details", "'{}'"),
        ("details", "'{'"),
        ("details", "'[]'"),
        ("event_id", "'another'"),
        ("hash", f"'{'0' * 64}'"),
        ("previous", f"'{'0' * 64}'"),
    ],
)
def test_who_gets_round_the_triggers_is_found_by_the_hashes(sealed, unguarded, write, column, value):
    write(f"UPDATE audit_log SET {column} = {value} WHERE number = 3")
    assert 3 in numbers(sealed.verify())


def test_missing_and_swapped_records_are_found(sealed, unguarded, write):
    write("DELETE FROM audit_log WHERE number = 2")
    assert numbers(sealed.verify()) == [3]
    write("UPDATE audit_log SET number = 2 WHERE number = 5")
    assert numbers(sealed.verify())[0] == 2


def test_a_missing_end_is_found_by_who_noted_the_head(sealed, unguarded, write):
    head = sealed.head()
    assert sealed.verify(noted=[head]).faults == ()
    write("DELETE FROM audit_log WHERE number > 3")
    assert sealed.verify().faults == ()
    assert numbers(sealed.verify(noted=[head])) == [5]


def test_a_chain_that_was_made_anew_is_found_by_its_head_or_its_key(database, unguarded, write):
    keyed = AuditSeal(b"a key that nobody who writes here has")
    record(database, 3)
    Sealer(database=database, seal=keyed)()
    log = AuditLog(database=database, seal=keyed)
    head = log.head()
    with database.snapshot() as snapshot:
        events = [record.event for record in snapshot.audit.records(after=0, limit=9)]
    write("DELETE FROM audit_log")
    database.transact(lambda transaction: [transaction.audit.add(event) for event in events[:2]])
    Sealer(database=database, seal=SEAL)()
    assert numbers(log.verify()) == [1, 2]
    unkeyed = AuditLog(database=database, seal=SEAL)
    assert unkeyed.verify().faults == ()
    assert numbers(unkeyed.verify(noted=[AuditHead(1, head.hash), head])) == [1, 3]


def test_what_is_too_old_is_pruned_and_the_rest_verifies_from_there(database, sealed):
    third = sealed.newest(3)[-1].head
    assert sealed.prune(AT + timedelta(seconds=3), ANN) == 3
    assert sealed.prune(AT + timedelta(seconds=3), ANN) == 0
    verdict = sealed.verify()
    assert (verdict.records, verdict.begin, verdict.waiting, verdict.faults) == (2, third, 1, ())
    Sealer(database=database, seal=SEAL)()
    told = sealed.newest(1)[0].event
    assert (told.action, told.actor, told.details) == ("prune", "ann", {"through": 3, "hash": third.hash})
    assert sealed.verify().faults == ()
    assert numbers(sealed.verify(after=AuditHead())) == [4]


def test_the_log_goes_on_where_it_ended_though_all_of_it_was_pruned(database, sealed):
    head = sealed.head()
    assert sealed.prune(AT + timedelta(days=1), ANN) == 5
    assert sealed.head() == head
    Sealer(database=database, seal=SEAL)()
    assert (sealed.verify(noted=[head]).faults, sealed.head().number) == ((), 6)


def test_pruning_of_which_no_record_tells_is_found(sealed, write):
    third = sealed.newest(3)[-1].head
    write(
        f"INSERT INTO audit_anchors (number, hash) VALUES ({third.number}, '{third.hash}')",
        "DELETE FROM audit_log WHERE number <= 3",
    )
    assert numbers(sealed.verify()) == [3]


def test_a_chain_is_read_to_its_end_however_long(database):
    many = [ANN.did(AuditAction.SUBMIT, at=AT) for _ in range(2400)]
    database.transact(lambda transaction: [transaction.audit.add(event) for event in many])
    assert Sealer(database=database, seal=SEAL)() == 2400
    log = AuditLog(database=database, seal=SEAL)
    assert (log.verify().records, log.verify().faults, len(list(log.records()))) == (2400, (), 2400)
    assert log.verify(until=1200).records == 1200
