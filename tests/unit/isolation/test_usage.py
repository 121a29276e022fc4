"""Processor time and memory of children count, whichever of them have ended."""

from types import SimpleNamespace

from tests.support.hostile_photos import photo

from streetveil.domain.options import JobOptions
from streetveil.isolation import usage
from streetveil.isolation.usage import ChildrenReadings, _Usage
from streetveil.observability import families


def told(readings):
    return {reading.family: reading.value for reading in readings()}


def test_children_are_counted_with_what_they_use(pool):
    pool.attempt(photo(), JobOptions())
    values = told(ChildrenReadings(pool))
    assert values[families.CHILDREN] >= 1
    assert values[families.CHILDREN_CPU] > 0
    assert values[families.CHILDREN_MEMORY] > 10_000_000
    assert values[families.CRASHES] == pool.crashes


def test_processor_time_never_goes_back(monkeypatch):
    processes = {1: _Usage(10.0), 2: _Usage(5.0)}
    there: list[tuple[int, list[int]]] = []
    pool = SimpleNamespace(crashes=0, processes=lambda: there[-1])
    monkeypatch.setattr(usage, "_usage", lambda pid: processes.get(pid, _Usage()))
    readings = ChildrenReadings(pool)  # type: ignore[arg-type]
    there.append((1, [2]))
    assert told(readings)[families.CHILDREN_CPU] == 15
    there.append((1, []))  # ended, not yet reaped
    assert told(readings)[families.CHILDREN_CPU] == 15
    processes[1] = _Usage(10.0, reaped_s=6.0)
    assert told(readings)[families.CHILDREN_CPU] == 16
    processes[3] = _Usage(1.0)
    there.append((3, []))  # another zygote took over
    assert told(readings)[families.CHILDREN_CPU] == 17


def test_a_process_that_is_gone_uses_nothing():
    assert usage._usage(2**22 + 1) == _Usage()
