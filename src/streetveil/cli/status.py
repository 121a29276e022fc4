"""`streetveil status`: how the whole service does, live in a terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from streetveil.api.schemas.reports import QueueState, ServiceStats
from streetveil.bootstrap import Services, open_for_operators
from streetveil.cli.status_screen import Look, screen
from streetveil.cli.tenant import tenant_name
from streetveil.domain.job import JobStatus
from streetveil.errors import StreetveilError
from streetveil.observability.logs import configure_logging
from streetveil.settings import load_settings

_FAILURES_SHOWN = 10


def status(
    once: Annotated[
        bool, typer.Option("--once", help="Print it once and end, as it does where no terminal is.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print it once, as one JSON object.")] = False,
    every: Annotated[float, typer.Option(min=0.2, max=3600, metavar="SECONDS", help="Time between two looks.")] = 2.0,
    tenant: Annotated[
        str | None, typer.Option("--tenant", metavar="NAME", callback=tenant_name, help="Only this tenant's jobs.")
    ] = None,
) -> None:
    """Show rates, queue, workers and failures, live; Ctrl-C ends it.

    It asks the database and the queue of the settings in force, as every process of the service does, so it sees
    all of them, and works while none runs.
    """
    settings = load_settings().settings
    configure_logging("ERROR", settings.log_format)
    with open_for_operators(settings) as services:

        def look() -> Look:
            return _look(services, tenant, embedded=settings.redis_url is None)

        console = Console()
        if as_json:
            typer.echo(json.dumps(_document(look())))
        elif once or not console.is_terminal:
            console.print(screen(look()))
        else:
            watch(console, look, every_s=every)


def watch(
    console: Console, look: Callable[[], Look], *, every_s: float, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Shows what `look` sees until Ctrl-C; what cannot be asked for a while is told above what was seen last.

    Raises:
        StreetveilError: nothing could be seen at the start.
    """
    seen = look()
    with Live(screen(seen), console=console, screen=True, auto_refresh=False) as live:
        try:
            while True:
                sleep(every_s)
                trouble = None
                try:
                    seen = look()
                except StreetveilError as error:
                    trouble = f"{error.detail} ({error.code})"
                live.update(screen(seen, trouble), refresh=True)
        except KeyboardInterrupt:
            return


def _look(services: Services, tenant: str | None, *, embedded: bool) -> Look:
    stats, queue = services.inspect.stats(tenant=tenant), services.inspect.queue_status(tenant=tenant)
    if embedded:  # its queue is in its own process, and holds the submitted jobs
        waiting = stats.by_status[JobStatus.SUBMITTED]
        stats, queue = replace(stats, queue_depth=waiting), replace(queue, queue_depth=waiting)
    return Look(stats, queue, services.inspect.last_failed(_FAILURES_SHOWN, tenant=tenant))


def _document(look: Look) -> dict[str, object]:
    """As `/stats` and `/queue-status` tell it, and the last failures."""
    return {
        "stats": ServiceStats.of(look.stats).model_dump(mode="json"),
        "queue": QueueState.of(look.queue).model_dump(mode="json"),
        "last_failures": [
            {
                "job_id": job.id,
                "tenant": job.tenant,
                "finished_at": job.finished_at and job.finished_at.isoformat(),
                "attempts": job.attempts,
                "code": job.failure and job.failure.code,
                "detail": job.failure and job.failure.detail,
            }
            for job in look.failed
        ],
    }
