"""Of many processes that would maintain one does, and what it leaves in the middle another takes up."""

from datetime import timedelta

import pytest
from tests.support.house import TENANT

from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import JobStatus, new_id
from streetveil.domain.reports import JobFilter
from streetveil.jobs.maintain import Maintain, Recovery
from streetveil.storage.keys import original_key


class Killed(BaseException):
    """The process is no more."""


def lose(house):
    """A job whose worker is gone."""
    house.claim(house.upload(), "lost")
    house.clock.turn(seconds=61)


def test_one_does_it_and_the_others_do_not_until_it_is_due_again(house):
    lose(house)
    assert house.maintain.run_if_due("a").requeued == 1
    lose(house)
    house.clock.turn(seconds=-61)
    for holder in ("a", "b"):
        assert house.maintain.run_if_due(holder) == Recovery()
    house.clock.turn(seconds=61)
    assert house.maintain.run_if_due("b").requeued == 1


def test_orphans_are_looked_for_rarely(house):
    def stray():
        house.files.put(original_key(DEFAULT_TENANT, new_id(), "jpg"), b"x", content_type="image/jpeg")

    stray()
    house.clock.turn(hours=2)
    assert house.maintain.run_if_due("a").orphans == 1
    stray()
    house.clock.turn(minutes=59)
    assert house.maintain.run_if_due("b").orphans == 0
    house.clock.turn(minutes=2)
    assert house.maintain.run_if_due("b").orphans == 1


def test_where_one_dies_in_the_middle_another_takes_its_turn_once_that_is_over(make_house):
    class Deadly:
        def __init__(self, queue):
            self._queue = queue

        def __getattr__(self, name):
            return getattr(self._queue, name)

        def depth(self):
            raise Killed

    doomed = make_house(wrap_queue=Deadly)
    # `finally` is not run by a process that dies.
    doomed.maintain._in_turn = lambda name, holder, every, act: (
        doomed.sql.transact(
            lambda transaction: transaction.turns.take(
                name, holder=holder, now=doomed.clock(), until=doomed.clock() + timedelta(seconds=60)
            )
        )
        and act(lambda: None)
    )
    with pytest.raises(Killed):
        doomed.maintain.run_if_due("doomed")
    other = make_house()
    lose(other)
    other.clock.turn(seconds=-10)
    assert other.maintain.run_if_due("other") == Recovery()
    other.clock.turn(seconds=10)
    assert other.maintain.run_if_due("other").requeued == 1


def test_a_long_look_for_orphans_holds_up_no_lost_job_and_is_not_begun_twice(house):
    for _ in range(3):
        house.files.put(original_key(DEFAULT_TENANT, new_id(), "jpg"), b"x", content_type="image/jpeg")
    house.clock.turn(hours=2)
    done = []

    class Slow:
        def __getattr__(self, name):
            return getattr(house.files, name)

        def list(self, prefix):
            for item in house.files.list(prefix):
                house.clock.turn(seconds=50)
                yield item

        def delete(self, keys):
            house.files.delete(keys)
            if keys:
                lose(house)
                done.append(house.maintain.run_if_due("b"))
                lose(house)

    maintain = Maintain(
        database=house.sql, storage=Slow(), queue=house.memory, attempts=house.attempts, clock=house.clock
    )
    recovery = maintain.run_if_due("a")
    assert recovery.orphans == 3
    assert done == [Recovery(requeued=1)]
    assert house.inspect.page(JobFilter(status=JobStatus.PROCESSING), tenant=TENANT).jobs == ()


def test_a_turn_is_over_when_it_raised(make_house):
    class Broken:
        def __init__(self, queue):
            self.broken = True
            self._queue = queue

        def depth(self):
            if self.broken:
                raise KeyError("a defect")
            return self._queue.depth()

        def put(self, job_id, *, delay_s=0.0):
            self._queue.put(job_id, delay_s=delay_s)

    broken = make_house(wrap_queue=Broken)
    with pytest.raises(KeyError):
        broken.maintain.run_if_due("a")
    broken.adapters["queue"].broken = False
    broken.clock.turn(seconds=31)
    assert broken.maintain.run_if_due("b") == Recovery()
    with broken.sql.snapshot() as snapshot:
        assert snapshot.turns is not None
