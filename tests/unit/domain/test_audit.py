from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from streetveil.domain.audit import (
    Actor,
    AuditAction,
    AuditEvent,
    AuditHead,
    AuditRecord,
    AuditSeal,
    network_of,
)

AT = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def event(number: int) -> AuditEvent:
    return AuditEvent(f"id-{number}", AT, AuditAction.SUBMIT, "ann", "default", job_id=f"job-{number}")


@pytest.fixture(params=[None, b"key"], ids=["plain", "keyed"])
def seal(request: pytest.FixtureRequest) -> AuditSeal:
    return AuditSeal(request.param)


@pytest.fixture
def chain(seal: AuditSeal) -> list[AuditRecord]:
    return list(seal.seal((event(number) for number in range(1, 6)), AuditHead()))


def faulty(seal: AuditSeal, records: list[AuditRecord]) -> list[int]:
    return [fault.number for fault in seal.faults(records)]


def test_a_chain_as_it_was_made_holds(seal: AuditSeal, chain: list[AuditRecord]) -> None:
    assert [record.number for record in chain] == [1, 2, 3, 4, 5]
    assert faulty(seal, chain) == []


def test_a_chain_goes_on_where_it_ended(seal: AuditSeal, chain: list[AuditRecord]) -> None:
    more = list(seal.seal([event(6)], chain[-1].head))
    assert faulty(seal, chain + more) == []
    assert list(seal.faults(more, chain[-1].head)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": "bob"},
        {"action": AuditAction.ERASE},
        {"at": AT + timedelta(microseconds=1)},
        {"tenant": "other"},
        {"job_id": None},
        {"origin": "192.0.2.0/24"},
        {"outcome": "forbidden"},
        {"details": {"n": 1}},
        {"id": "id-9"},
    ],
    ids=str,
)
def test_a_changed_record_is_found(seal: AuditSeal, chain: list[AuditRecord], changes: dict[str, object]) -> None:
    chain[2] = replace(chain[2], event=replace(chain[2].event, **changes))  # type: ignore[arg-type]
    assert faulty(seal, chain) == [3]


def test_a_changed_record_that_was_sealed_anew_is_found_at_the_next_one(
    seal: AuditSeal, chain: list[AuditRecord]
) -> None:
    (chain[2],) = seal.seal([replace(chain[2].event, actor="bob")], chain[1].head)
    assert faulty(seal, chain) == [4]


def test_a_missing_record_is_found(seal: AuditSeal, chain: list[AuditRecord]) -> None:
    del chain[2]
    assert faulty(seal, chain) == [4]


def test_a_missing_first_record_is_found(seal: AuditSeal, chain: list[AuditRecord]) -> None:
    assert faulty(seal, chain[1:]) == [2]


def test_records_that_changed_places_are_found(seal: AuditSeal, chain: list[AuditRecord]) -> None:
    first, second = chain[1], chain[2]
    chain[1] = replace(first, event=second.event)
    chain[2] = replace(second, event=first.event)
    assert faulty(seal, chain) == [2, 3]


def test_without_the_key_nobody_seals_anew(chain: list[AuditRecord]) -> None:
    forged = list(AuditSeal().seal((record.event for record in chain), AuditHead()))
    assert [fault.number for fault in AuditSeal(b"key").faults(forged)] == [1, 2, 3, 4, 5]


def test_the_same_moment_in_another_zone_is_the_same_event() -> None:
    elsewhere = replace(event(1), at=AT.astimezone(timezone(timedelta(hours=5))))
    assert elsewhere.canonical() == event(1).canonical()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("127.0.0.1", "127.0.0.0/24"),
        ("testclient", "unknown"),
        ("", "unknown"),
    ],
)
def test_of_an_address_the_network_is_kept_and_the_person_is_not(address: str, network: str) -> None:
    assert network_of(address) == network


def test_an_actor_whose_name_no_database_could_keep_is_recorded_all_the_same(seal: AuditSeal) -> None:
    event = Actor("\ud800" + "x" * 300).did(AuditAction.SUBMIT, at=AT)
    assert event.actor.startswith("\\ud800x")
    assert len(event.actor) == 255
    assert faulty(seal, list(seal.seal([event], AuditHead()))) == []


def test_what_is_done_to_a_job_belongs_to_its_tenant() -> None:
    assert Actor("worker-1").did(AuditAction.COMPLETE, at=AT, tenant="blue").tenant == "blue"
    assert Actor("ann", "blue").did(AuditAction.SUBMIT, at=AT).tenant == "blue"
