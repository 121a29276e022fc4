from contextlib import suppress
from itertools import count

from streetveil.observability.stopwatch import Stopwatch


def test_time_counts_for_the_innermost_stage_alone():
    seconds = count()
    watch = Stopwatch(lambda: float(next(seconds)))
    with watch.stage("outer"):
        with watch.stage("inner"):
            pass
        with watch.stage("inner"):
            pass
    assert watch.seconds == {"outer": 3.0, "inner": 2.0}


def test_a_stage_that_fails_counts_too():
    seconds = count()
    watch = Stopwatch(lambda: float(next(seconds)))
    with suppress(ZeroDivisionError), watch.stage("work"):
        assert 1 / 0
    assert watch.seconds == {"work": 1.0}
