"""Job ids sort by the time they were made."""

import time
from uuid import UUID

from streetveil.domain.job import new_id


def test_ids_are_uuids_of_version_7():
    assert UUID(new_id()).version == 7


def test_a_later_id_sorts_after_an_earlier_one():
    first = new_id()
    time.sleep(0.002)
    assert first < new_id()


def test_ids_made_in_the_same_instant_differ():
    assert len({new_id() for _ in range(1000)}) == 1000
