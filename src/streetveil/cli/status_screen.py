"""What `streetveil status` shows, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streetveil.cli.text import visible
from streetveil.domain.job import Job, JobStatus
from streetveil.domain.reports import Percentiles, QueueStatus, Stats, WorkerSeen

# The objective of docs/reliability.md, and the alerts that stand for it.
_LATE_S = 60.0
_NEARLY_FULL = 0.8
_SILENT_S = 120.0
_GOOD_RATE = 0.999


class Look(NamedTuple):
    """What was seen at one moment; `failed` are the last failures, newest first."""

    stats: Stats
    queue: QueueStatus
    failed: tuple[Job, ...]


def screen(look: Look, trouble: str | None = None) -> RenderableType:
    """All of it; `trouble` says why it is not of this moment."""
    stats = look.stats
    parts: list[RenderableType] = [Text(f"streetveil  {_moment(stats.timestamp)}", style="bold")]
    if trouble is not None:
        parts.append(Text(visible(trouble), style="bold red"))
    parts += [_figures(look), _heading("Workers"), _workers(stats)]
    if stats.failures:
        parts += [_heading("Failures within the last hour"), _by_code(stats)]
    if look.failed:
        parts += [_heading("Last errors"), _last_errors(look.failed)]
    return Group(*parts)


def _figures(look: Look) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in _rows(look):
        table.add_row(name, value)
    return table


def _rows(look: Look) -> Iterator[tuple[str, RenderableType]]:
    stats, queue = look.stats, look.queue
    minute, hour = stats.throughput.last_minute * 60, stats.throughput.last_hour * 3600
    yield "rate", f"{minute:.0f} jobs in the last minute, {hour:.0f} in the last hour"
    yield "success", _success(stats)
    yield "latency", _percentiles(stats.recent.latency)
    yield "processing", _percentiles(stats.recent.processing_time)
    yield "queue", _queue(queue)
    age = queue.oldest_job_age_s
    late = age is not None and age > _LATE_S
    yield "oldest job", Text("none waits" if age is None else f"{age:.1f} s", style="bold red" if late else "")
    counted = {status: stats.by_status.get(status, 0) for status in JobStatus if status is not JobStatus.ERASED}
    yield "jobs", ", ".join(f"{count} {status.value.replace('_', ' ')}" for status, count in counted.items())
    sure = [
        f"{name.replace('_', ' ')} {seen.mean:.2f} ({seen.objects} found)"
        for name, seen in stats.recent.confidence.items()
        if seen.mean is not None
    ]
    yield "confidence", ", ".join(sure) or "-"


def _success(stats: Stats) -> Text:
    if stats.success_rate is None:
        return Text("-")
    return Text(
        f"{stats.success_rate:.2%} of the last hour", style="green" if stats.success_rate >= _GOOD_RATE else "red"
    )


def _queue(queue: QueueStatus) -> Table:
    full = queue.utilization >= _NEARLY_FULL
    line = Table.grid(padding=(0, 1))
    line.add_row(
        Text(f"{queue.queue_depth} of {queue.max_queue_size}", style="bold red" if full else ""),
        ProgressBar(
            total=queue.max_queue_size,
            completed=min(queue.queue_depth, queue.max_queue_size),
            width=30,
            complete_style="red" if full else "green",
            finished_style="red",
        ),
        f"{queue.utilization:.0%}",
    )
    return line


def _percentiles(values: Percentiles | None) -> str:
    return "-" if values is None else f"p50 {values.p50:.2f} s, p95 {values.p95:.2f} s, p99 {values.p99:.2f} s"


def _workers(stats: Stats) -> RenderableType:
    if not stats.workers:
        return Text("none was seen within the last hour", style="bold red")
    table = Table(box=None, pad_edge=False)
    for heading in ("worker", "host", "version", "busy", "done in the last hour", "last seen"):
        table.add_column(heading, header_style="dim", overflow="fold")
    for worker in stats.workers:
        table.add_row(*_worker(worker, stats.timestamp))
    return table


def _worker(worker: WorkerSeen, now: datetime) -> tuple[Text | str, ...]:
    silent_s = max(0.0, (now - worker.last_seen).total_seconds())
    gone = worker.threads is None or silent_s > _SILENT_S
    return (
        Text(visible(worker.id)),  # as a string it would be read as markup
        Text(visible(worker.host or "-")),
        Text(visible(worker.version or "-")),
        "ended" if worker.threads is None else f"{worker.processing} of {worker.threads}",
        str(worker.completed),
        Text(f"{silent_s:.0f} s ago", style="yellow" if gone else ""),
    )


def _by_code(stats: Stats) -> Table:
    table = Table.grid(padding=(0, 2))
    for code, count in sorted(stats.failures.items(), key=lambda pair: -pair[1]):
        table.add_row(str(count), Text(visible(code)))
    return table


def _last_errors(failed: tuple[Job, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("time", "job", "tenant", "attempts"):
        table.add_column(heading, header_style="dim", no_wrap=True)
    table.add_column("error", header_style="dim", overflow="fold")
    for job in failed:
        error = Text(f"{job.failure.code}: {visible(job.failure.detail)}" if job.failure else "-")
        when = job.finished_at or job.updated_at
        table.add_row(when.strftime("%H:%M:%S"), job.id, job.tenant, str(job.attempts), error)
    return table


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
