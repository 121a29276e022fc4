"""`streetveil worker`: takes jobs from the queue in a process of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Annotated

import structlog
import typer

from streetveil import bootstrap
from streetveil.cli.chores import chores_of, leave
from streetveil.cli.signals import handled
from streetveil.errors import ConfigurationError, DecoderUnavailableError, ModelError
from streetveil.jobs.anonymising import Anonymising
from streetveil.observability.logs import configure_logging
from streetveil.observability.metrics import Metrics
from streetveil.settings import Settings, load_settings
from streetveil.worker.health_server import HealthServer
from streetveil.worker.readiness import Readiness
from streetveil.worker.readings import worker_readings
from streetveil.worker.worker import Worker

_MODEL_RETRY_S = (1.0, 30.0)  # first and longest

_log = structlog.get_logger(__name__)


def worker(
    threads: Annotated[
        int | None,
        typer.Option("--threads", "-t", min=0, help="Photos worked on at once; 0: one per core. [NUM_WORKERS]"),
    ] = None,
    health_host: Annotated[
        str | None, typer.Option(metavar="HOST", help="Address of the health endpoint. [HEALTH_HOST]")
    ] = None,
    health_port: Annotated[
        int | None,
        typer.Option(metavar="PORT", help="Answer /health/* and /metrics there; 0: a free port. [HEALTH_PORT]"),
    ] = None,
) -> None:
    """Take jobs from the Redis queue and process them. Start as many as you like.

    SIGTERM or Ctrl-C: no new jobs are taken, running ones finish within SHUTDOWN_TIMEOUT_S seconds. Jobs of a worker
    that was killed are taken over by the others. While a model cannot be loaded the worker takes no jobs, says why
    at /health/ready, and tries again.
    """
    settings = load_settings(
        {"num_workers": threads, "health_host": health_host, "health_port": health_port},
    ).settings
    configure_logging(settings.log_level, settings.log_format)
    if settings.redis_url is None:
        raise ConfigurationError(
            "REDIS_URL is not set: without it there is no queue to share, and `streetveil serve` runs its own workers."
        )
    readiness = Readiness()
    metrics = bootstrap.build_metrics(settings, component="worker")
    traces = bootstrap.build_traces(component="worker")
    with ExitStack() as stack:
        if traces is not None:
            stack.callback(traces.close)
        stopping = stack.enter_context(_stopped_by_signals())
        if settings.health_port is not None:
            health = HealthServer(settings.health_host, settings.health_port, readiness.report, metrics.expose)
            health.start()
            stack.callback(health.stop)
            _log.info("health_listening", host=settings.health_host, port=health.port)
        anonymise = _load_models(settings, readiness, stopping, stack, metrics)
        if anonymise is None:
            return
        readiness.not_ready("waiting for database, storage and queue")
        services = stack.enter_context(bootstrap.open_services(settings, anonymise, metrics, traces))
        stack.callback(leave, services)
        running = Worker(
            queue=services.queue,
            process=services.handle,
            threads=bootstrap.worker_threads(settings),
            chores=chores_of(services, settings),
        )
        metrics.watch(worker_readings(running))
        running.start()
        readiness.ready(running, anonymise.check)
        stopping.wait()
        drained = running.stop(settings.shutdown_timeout_s)
    if not drained:
        raise typer.Exit(1)


def _load_models(
    settings: Settings, readiness: Readiness, stopping: threading.Event, stack: ExitStack, metrics: Metrics
) -> Anonymising | None:
    """The models, however often it takes; None where the process is to end first. `stack` ends what holds them.

    Ending instead would make the orchestrator start it again and again, with nobody to ask why.
    """
    retry_s, longest_s = _MODEL_RETRY_S
    while not stopping.is_set():
        try:
            return stack.enter_context(bootstrap.open_anonymiser(settings, metrics=metrics))
        except (ModelError, DecoderUnavailableError) as error:
            _log.error("model_unusable", code=error.code, detail=error.detail)
            readiness.not_ready(f"{error.detail} ({error.code})")
            stopping.wait(retry_s)
            retry_s = min(2 * retry_s, longest_s)
    return None


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; a second SIGINT ends the process at once."""
    stopping = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            signal.signal(signal.SIGINT, signal.default_int_handler)
        stopping.set()

    with handled(handle):
        yield stopping
