"""A job that is erased while a worker is at it, at whatever step, leaves nothing behind."""

import pytest
from tests.support.house import TENANT

from streetveil.errors import JobNotFoundError


class Meddled:
    """An adapter that does something before the call of a number that is counted over all adapters."""

    def __init__(self, inner, steps):
        self._inner = inner
        self._steps = steps

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*arguments, **named):
            self._steps.next(name)
            return found(*arguments, **named)

        return call


class Steps:
    """Counts calls; before the one of the number `at` it erases."""

    def __init__(self):
        self.count = 0
        self.at = None
        self.erase = lambda: None

    def next(self, _name):
        self.count += 1
        if self.count == self.at:
            self.at = None
            self.erase()


@pytest.mark.parametrize("at", range(1, 9))
def test_erasing_at_any_step_of_the_work_leaves_nothing(make_house, at):
    steps = Steps()
    house = make_house(
        wrap_database=lambda database: Meddled(database, steps), wrap_storage=lambda storage: Meddled(storage, steps)
    )
    other = house.upload(b"another photo")
    job = house.upload(b"photo")
    steps.erase = lambda: house.erase(job.id, tenant=TENANT)
    steps.count, steps.at = 0, at

    house.process(job.id)
    while steps.at is not None:  # fewer calls than that: it is erased afterwards
        steps.next("")
    house.drain()

    with pytest.raises(JobNotFoundError):
        house.inspect.job(job.id, tenant=TENANT)
    assert {key for key in house.objects() if job.id in key} == set()
    house.assert_completed(other, b"another photo")


def test_work_takes_no_more_steps_than_were_tried(make_house):
    steps = Steps()
    house = make_house(
        wrap_database=lambda database: Meddled(database, steps), wrap_storage=lambda storage: Meddled(storage, steps)
    )
    job = house.upload(b"photo")
    steps.count = 0
    house.process(job.id)
    assert 0 < steps.count <= 8
