"""Questions about jobs are answered with those that are meant."""

from datetime import UTC, datetime, timedelta

from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import JobStatus
from streetveil.domain.reports import JobFilter

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def test_pages_keep_to_their_bounds(database, add):
    jobs = [add(at=NOW + timedelta(seconds=number)) for number in range(5)]
    with database.snapshot() as snapshot:
        page = snapshot.jobs.page(JobFilter(), tenant=DEFAULT_TENANT, after=jobs[3].id, limit=2)
    assert page == [jobs[2], jobs[1]]


def test_only_what_is_overdue_is_found(database, add):
    jobs = [add(at=NOW + timedelta(seconds=number)) for number in range(3)]
    with database.snapshot() as snapshot:
        overdue = snapshot.jobs.overdue(JobStatus.SUBMITTED, before=NOW + timedelta(seconds=1), after=None, limit=9)
    assert overdue == [jobs[0]]


def test_many_ids_can_be_asked_for_at_once(database, add):
    jobs = {add().id for _ in range(3)}
    with database.snapshot() as snapshot:
        found = snapshot.jobs.holdings(jobs | {f"unknown-{number}" for number in range(1200)})
    assert set(found) == jobs
