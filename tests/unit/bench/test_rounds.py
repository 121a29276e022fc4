import threading
import time
from collections import Counter

import pytest

from streetveil.bench.rounds import ThreadedWork, alternate, steps
from streetveil.bench.sample import Sample, Series, ratio


class Recorded:
    """Work that only notes when it was done."""

    def __init__(self, name, log, lap_s=0.0):
        self.name, self.threads, self._log, self._lap_s = name, 1, log, lap_s

    def run(self, laps):
        self._log.append((self.name, laps))
        time.sleep(self._lap_s)
        return Sample(laps, 1.0, 1.0)


def test_kinds_of_work_take_turns_and_turn_round_each_time():
    log: list[tuple[str, int]] = []
    told: list[str] = []
    works = [Recorded("a", log), Recorded("b", log)]

    series = alternate(works, rounds=3, seconds=0, on_step=told.append)

    assert "".join(name for name, _ in log) == "ab" + "ab" + "ba" + "ab"
    assert [len(item.samples) for item in series] == [3, 3]
    assert len(told) == steps(works, 3)


def test_slow_work_does_fewer_laps_in_its_share_of_the_time():
    log: list[tuple[str, int]] = []

    alternate([Recorded("slow", log, lap_s=0.1)], rounds=1, seconds=0.45)

    [_, (_, laps)] = log
    assert 1 <= laps <= 5


@pytest.mark.parametrize("threads", [1, 3])
def test_every_photo_is_worked_on_in_every_lap(threads):
    seen: Counter[int] = Counter()
    names = set()

    def act(number):
        time.sleep(0.001)
        seen[number] += 1
        names.add(threading.current_thread().name)

    sample = ThreadedWork("test", threads, act, photos=5).run(4)

    assert seen == dict.fromkeys(range(5), 4)
    assert sample.photos == 20
    assert len(names) == threads


def test_waiting_for_the_last_thread_does_not_lower_the_rate():
    work = ThreadedWork("test", 2, lambda number: time.sleep(0.8 if number == 0 else 0), photos=2)

    assert work.run(1).rate > 2 / 0.8  # as it would be by the time at which the last one has ended


def test_what_is_raised_in_a_thread_ends_the_measurement():
    def act(number):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        ThreadedWork("test", 2, act, photos=2).run(1)


def test_a_ratio_compares_within_rounds():
    base = Series("base", 2, [Sample(10, 10.0, 1.0), Sample(10, 20.0, 1.0), Sample(10, 40.0, 1.0)])
    mine = Series("mine", 2, [Sample(10, 5.0, 2.0), Sample(10, 10.0, 2.0), Sample(10, 32.0, 1.25)])

    found = ratio("mine / base", mine, base)

    assert (found.wall, found.spread, found.core) == (0.5, (0.5, 0.8), 0.5)


def test_series_say_the_median_and_the_spread():
    series = Series("x", 1, [Sample(10, 10.0, 1.0), Sample(10, 30.0, 2.0), Sample(20, 20.0, 8.0)])

    assert series.as_dict() == {
        "name": "x",
        "threads": 1,
        "photos": 40,
        "photos_per_s": {"median": 20.0, "min": 10.0, "max": 30.0},
        "core_ms": {"median": 200.0, "min": 100.0, "max": 400.0},
    }
