"""Starts services to be measured, and ends them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from streetveil.bench.photos import PhotoSet, Uploads
from streetveil.bench.program import Program, environment_of
from streetveil.bench.servers import refuse_used
from streetveil.bench.service import RunningService
from streetveil.bench.surroundings import without_servers
from streetveil.domain.options import JobOptions
from streetveil.errors import ConfigurationError
from streetveil.settings import LoadedSettings

EMBEDDED = "service, embedded"
SERVERS = "service, with servers"


@contextmanager
def embedded(
    loaded: LoadedSettings, photos: PhotoSet, folder: Path, *, threads: int, options: JobOptions, starts: int = 1
) -> Iterator[RunningService]:
    """One `streetveil serve` with SQLite and files in `folder`, started `starts` times.

    Raises:
        MeasurementError: it does not start.
    """
    data = folder / "data"
    environment = environment_of(without_servers(loaded), NUM_WORKERS=str(threads), DATA_DIR=str(data))
    startup_s = []
    for _ in range(starts - 1):
        with Program(["serve", "--port", "0"], folder, environment) as program:
            startup_s.append(program.startup_s)
    with Program(["serve", "--port", "0"], folder, environment) as program:
        service = RunningService(
            EMBEDDED, threads, {"service": program}, Uploads(photos), len(photos.files), _fields(options)
        )
        service.startup_s += [*startup_s, program.startup_s]
        yield service


@contextmanager
def with_servers(
    loaded: LoadedSettings, photos: PhotoSet, folder: Path, *, threads: int, options: JobOptions
) -> Iterator[RunningService]:
    """An API process and a worker process over the servers that the settings name.

    Raises:
        ConfigurationError: they name no Redis, or are used: what is there may be somebody's.
        MeasurementError: a process does not start.
    """
    if loaded.settings.redis_url is None:
        raise ConfigurationError("--servers measures over the servers that the settings name: REDIS_URL is not set.")
    refuse_used(loaded.settings)
    environment = environment_of(loaded, NUM_WORKERS=str(threads), DATA_DIR=str(folder / "data"))
    with ExitStack() as stack:
        api = stack.enter_context(Program(["serve", "--port", "0"], folder / "api", environment))
        worker = stack.enter_context(Program(["worker", "--health-port", "0"], folder / "worker", environment))
        programs = {"api": api, "worker": worker}
        service = RunningService(SERVERS, threads, programs, Uploads(photos), len(photos.files), _fields(options))
        service.startup_s.append(worker.startup_s)
        yield service


def _fields(options: JobOptions) -> dict[str, str]:
    """As a form has them."""
    return {
        name: ",".join(value) if isinstance(value, list) else str(value) for name, value in options.as_dict().items()
    }
