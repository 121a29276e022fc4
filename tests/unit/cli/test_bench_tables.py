import io

from rich.console import Console

from streetveil.bench.growth import MeasuredCurve
from streetveil.bench.machine import load_average, machine
from streetveil.bench.report import Report
from streetveil.bench.sample import Sample, Series, ratio
from streetveil.cli.bench_tables import show


def series(name, rate, core_s):
    return Series(name, 2, [Sample(10, rate, core_s), Sample(10, 2 * rate, core_s)])


def shown(report):
    console = Console(width=120, record=True, file=io.StringIO())
    show(report, console)
    return console.export_text()


def test_everything_that_was_measured_is_shown():
    models, job = series("models alone", 10.0, 0.5), series("whole job", 8.0, 0.625)
    report = Report(
        machine={**machine(), "load_average_after": load_average()},
        photos={"source": "my photos", "regions": [3, 4], "vehicles": [1, 0]},
        profile="fast",
        classes=["face"],
        tuned={"faces": "int8"},
        series=[models, job],
        ratios=[ratio("whole job / models alone", job, models)],
        breakdown=[{"threads": 2, "models alone": 50.0, "rest": 12.5}],
        growth=[MeasuredCurve("redaction", "regions", [(1, models), (8, job)])],
        services=[
            {
                "name": "service, embedded",
                "threads": 2,
                "startup_s": [2.0, 2.5, 3.0],
                "memory": {
                    "api": {"peak_mb": 100.4, "proportional_mb": 80.0},
                    "worker": {"peak_mb": 300, "proportional_mb": 250},
                },
                "upload_p50_ms": 12.0,
                "upload_p99_ms": 34.0,
                "client_core_ms": 2.5,
            }
        ],
    )

    lines = [line.split() for line in shown(report).splitlines()]

    assert ["models", "alone", "2", "15.0", "10.0", "20.0", "50.0"] in lines
    assert ["whole", "job", "/", "models", "alone", "2", "0.80", "0.80", "0.80", "0.80"] in lines
    assert ["2", "50.0", "12.5"] in lines
    assert ["redaction", "by", "regions", "8", "62.50", "62.50", "62.50", "83.33", "1.25"] in lines
    assert ["service,", "embedded", "2", "2.50", "100", "+", "300", "80", "+", "250", "12", "34", "2.5"] in lines
    assert "my photos; profile fast; classes face\nmodels: tuned: faces in int8; others as converted" in shown(report)


def test_what_was_not_measured_is_left_out():
    text = shown(Report(machine={**machine(), "load_average_after": load_average()}))

    assert "photos/s" not in text
    assert "cores, load" in text
