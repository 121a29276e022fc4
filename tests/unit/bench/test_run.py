from types import SimpleNamespace
from typing import Any

import pytest

from streetveil.bench.plan import Plan, Section
from streetveil.bench.run import breakdown, ratios, works
from streetveil.bench.sample import Sample, Series


def plan(*sections, threads=(1, 2)):
    return Plan(sections=sections, seconds=10, rounds=1, threads=threads, jobs=[10])


class Parts:
    """Parts of a job by name."""

    models = ("faces", "plates")

    def __getattr__(self, name):
        return lambda *arguments: SimpleNamespace(name=" ".join([name, *map(str, arguments)]), threads=arguments[-1])


def names(plan, running=()):
    parts: Any = Parts()
    return [work.name for work in works(plan, parts, running)]


def test_the_models_alone_are_measured_beside_whatever_is():
    assert names(plan(Section.JOB, threads=[2])) == ["models_alone 2", "decode 2", "redaction 2", "job 2"]


def test_each_model_is_measured_at_each_number_of_threads_and_over_several_cores():
    assert names(plan(Section.MODELS)) == [
        "models_alone 1",
        "model_alone faces 1",
        "model_alone plates 1",
        "models_alone 2",
        "model_alone faces 2",
        "model_alone plates 2",
        "model_within faces 2",
        "model_within plates 2",
    ]


def test_a_service_takes_turns_with_the_work_of_as_many_threads():
    services = [SimpleNamespace(name=f"service {threads}", threads=threads) for threads in (1, 2)]

    assert names(plan(Section.SERVICE), services) == ["models_alone 1", "service 1", "models_alone 2", "service 2"]


def test_growth_alone_measures_nothing_else_and_has_all_the_time():
    assert names(plan(Section.GROWTH)) == []
    assert plan(Section.GROWTH).speed_seconds == 0
    assert plan(Section.GROWTH, Section.JOB).speed_seconds == 5
    assert plan(Section.JOB).speed_seconds == 10


def series(name, threads, rate, core_ms):
    return Series(name, threads, [Sample(1, rate, core_ms / 1e3)])


MEASURED = [
    series("models alone", 1, 10.0, 80.0),
    series("decode", 1, 100.0, 5.0),
    series("redaction", 1, 50.0, 10.0),
    series("whole job", 1, 8.0, 100.0),
    series("models alone", 2, 20.0, 80.0),
    series("service, embedded", 2, 15.0, 160.0),
]


def test_the_whole_is_compared_with_the_models_at_as_many_threads_and_many_threads_with_one():
    assert {(item.name, item.threads): (item.wall, item.core) for item in ratios(MEASURED)} == {
        ("whole job / models alone", 1): (0.8, 0.8),
        ("service, embedded / models alone", 2): (0.75, 0.5),
        ("models alone, 2 at once / 1", 2): (2.0, 1.0),
    }


def test_the_time_of_a_job_is_told_by_its_parts():
    [row] = breakdown(MEASURED)

    assert row == pytest.approx(
        {"threads": 1, "models alone": 80, "decode": 5, "redaction": 10, "rest": 5, "whole job": 100}
    )
