"""Ids that the queue lost are queued again, soon and once; those that only wait long are not."""

import pytest
from tests.support.house import TENANT

from streetveil.domain.job import JobStatus
from streetveil.domain.reports import JobFilter
from streetveil.errors import QueueUnavailableError
from streetveil.jobs.maintain import Recovery


class Ledger:
    """A queue that keeps what it is given, twice where it is given twice, as one outside of the process does."""

    def __init__(self, _queue=None):
        self.ids: list[str] = []
        self.full_after: int | None = None

    def put(self, job_id, *, delay_s=0.0):
        if self.full_after is not None and len(self.ids) >= self.full_after:
            raise QueueUnavailableError("down")
        self.ids.append(job_id)

    def depth(self):
        if self.full_after == 0:
            raise QueueUnavailableError("down")
        return len(self.ids)


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def busy(make_house, ledger):
    """A service with 20 jobs that wait, one uploaded each second."""
    house = make_house(wrap_queue=lambda _: ledger)
    for number in range(20):
        house.clock.turn(seconds=1)
        house.upload(b"%d" % number)
    return house


def test_a_backlog_is_not_queued_twice_however_long_it_lasts(busy, ledger):
    for _ in range(100):
        busy.clock.turn(seconds=30)
        assert busy.maintain.rescue() == Recovery()
    assert len(ledger.ids) == 20


def test_after_the_queue_was_wiped_every_job_is_queued_again_at_once_and_once(busy, ledger):
    waiting = list(ledger.ids)
    ledger.ids.clear()
    busy.clock.turn(seconds=1)
    fresh = [busy.upload(b"fresh"), busy.upload(b"fresher")]
    busy.clock.turn(seconds=16)
    assert busy.maintain.rescue().requeued == 20
    assert ledger.ids == [job.id for job in fresh] + waiting
    for _ in range(10):
        busy.clock.turn(seconds=30)
        assert busy.maintain.rescue() == Recovery()


def test_a_few_that_were_lost_cost_no_more_than_as_many_messages(busy, ledger):
    lost = ledger.ids[10:13]
    del ledger.ids[10:13]
    rounds = 0
    while busy.inspect.stats(tenant=TENANT).total - len(busy.anonymise.seen):
        rounds += 1
        for job_id in [ledger.ids.pop(0) for _ in ledger.ids[:5]]:
            busy.process(job_id)
        busy.clock.turn(seconds=30)
        busy.maintain.rescue()
        assert rounds < 20
    assert len(busy.anonymise.seen) == 20
    assert {busy.row(job_id).status for job_id in lost} == {"completed"}


def test_what_was_uploaded_a_moment_ago_is_never_lost(busy, ledger):
    ledger.ids.clear()
    assert busy.maintain.rescue().requeued == 4  # those of more than 15 seconds ago
    assert busy.maintain.rescue() == Recovery()


def test_ids_of_nothing_hide_losses_for_an_hour_at_most(busy, ledger):
    ledger.ids[:] = ["garbage"] * 30
    busy.clock.turn(minutes=59)
    assert busy.maintain.rescue() == Recovery()
    busy.clock.turn(minutes=2)
    assert busy.maintain.rescue().requeued == 20
    busy.clock.turn(minutes=59)
    assert busy.maintain.rescue() == Recovery()


def test_a_queue_that_fails_in_the_middle_gets_each_id_once(busy, ledger):
    ledger.ids.clear()
    ledger.full_after = 7
    busy.clock.turn(seconds=30)
    with pytest.raises(QueueUnavailableError):
        busy.maintain.rescue()
    ledger.full_after = None
    assert busy.maintain.rescue().requeued == 13
    assert len(set(ledger.ids)) == len(ledger.ids) == 20


def test_jobs_of_lost_workers_are_freed_although_the_queue_is_down(busy, ledger):
    busy.claim(busy.row(ledger.ids.pop(0)), "lost")
    ledger.full_after = 0
    busy.clock.turn(seconds=61)
    with pytest.raises(QueueUnavailableError):
        busy.maintain.rescue()
    assert busy.inspect.page(JobFilter(status=JobStatus.PROCESSING), tenant=TENANT).jobs == ()
    ledger.full_after = None
    while ledger.ids:
        busy.process(ledger.ids.pop(0))
        busy.clock.turn(seconds=16)
        busy.maintain.rescue()
    assert len(busy.anonymise.seen) == 20
