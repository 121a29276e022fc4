"""What `streetveil bench` shows on a terminal."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from streetveil.bench.growth import MeasuredCurve
from streetveil.bench.report import Report
from streetveil.bench.sample import Ratio, Series
from streetveil.domain.measurements import Task


def show(report: Report, console: Console) -> None:
    """Prints the head and every table that has rows."""
    _head(report, console)
    if report.series:
        console.print(_speeds(report.series))
    if report.ratios:
        console.print(_ratios(report.ratios))
    if report.breakdown:
        console.print(_breakdown(report.breakdown))
    if report.growth:
        console.print(_growth(report.growth))
    if report.services:
        console.print(_services(report.services))


def _head(report: Report, console: Console) -> None:
    facts = report.machine
    load = f"load {_listed(facts['load_average'])}, afterwards {_listed(facts['load_average_after'])}"
    lines = [
        f"{facts['date']}  {facts['processor']}, {facts['cores']} cores, {load}",
        f"{facts['system']}, Python {facts['python']}, {_listed(facts['versions'])}",
    ]
    if photos := report.photos:
        lines += [
            f"photos: {photos['source']}; profile {report.profile}; classes {', '.join(report.classes)}",
            f"models: {_variants(report.tuned)}",
            f"regions in each: {_listed(photos['regions'])}; vehicles: {_listed(photos['vehicles'])}",
        ]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _variants(tuned: Mapping[Task, str]) -> str:
    if not tuned:
        return "as converted (streetveil models tune has picked none for this processor)"
    return f"tuned: {', '.join(f'{task} in {variant}' for task, variant in tuned.items())}; others as converted"


def _listed(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _speeds(series: Sequence[Series]) -> Table:
    table = _table("what", "at once", "photos/s", "least", "most", "core ms")
    for item in series:
        rates = [sample.rate for sample in item.samples]
        table.add_row(
            item.name,
            str(item.threads),
            f"{item.rate:.1f}",
            f"{min(rates):.1f}",
            f"{max(rates):.1f}",
            f"{item.core_ms:.1f}",
        )
    return table


def _ratios(ratios: Sequence[Ratio]) -> Table:
    table = _table("ratio", "at once", "photos/s", "least", "most", "core ms")
    for item in ratios:
        low, high = item.spread
        table.add_row(item.name, str(item.threads), f"{item.wall:.2f}", f"{low:.2f}", f"{high:.2f}", f"{item.core:.2f}")
    return table


def _breakdown(rows: Sequence[Mapping[str, float]]) -> Table:
    names = [name for name in rows[0] if name != "threads"]
    table = _table("core ms of a photo", "at once", *names)
    for row in rows:
        table.add_row("", f"{row['threads']:.0f}", *(f"{row[name]:.1f}" for name in names))
    return table


def _growth(curves: Sequence[MeasuredCurve]) -> Table:
    table = _table("core ms by what grows", "at", "core ms", "least", "most", "wall ms", "of the first")
    for curve in curves:
        for at, series in curve.points:
            costs = [sample.core_ms for sample in series.samples]
            table.add_row(
                f"{curve.name} by {curve.by}",
                f"{at:g}",
                f"{series.core_ms:.2f}",
                f"{min(costs):.2f}",
                f"{max(costs):.2f}",
                f"{1e3 / series.rate:.2f}",
                f"{series.core_ms / curve.points[0][1].core_ms:.2f}",
            )
    return table


def _services(services: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("service", "at once", "start s", "peak MB", "MB now", "upload ms", "p99", "client core ms")
    for service in services:
        memory = service["memory"]
        table.add_row(
            service["name"],
            str(service["threads"]),
            f"{statistics.median(service['startup_s']):.2f}",
            " + ".join(f"{held['peak_mb']:.0f}" for held in memory.values()),
            " + ".join(f"{held['proportional_mb']:.0f}" for held in memory.values()),
            f"{service['upload_p50_ms']:.0f}",
            f"{service['upload_p99_ms']:.0f}",
            f"{service['client_core_ms']:.1f}",
        )
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, title="", title_justify="left")
    table.add_column(first, no_wrap=True)
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
