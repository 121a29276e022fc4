"""Settings become adapters, adapters become services: the only place where things are wired together."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from streetveil.database.engine import open_engine, sqlite_url
from streetveil.database.folder_lock import DataFolderLock
from streetveil.database.unit_of_work import SqlDatabase
from streetveil.detection.factory import build_scene_detector
from streetveil.detection.models import MODELS, Task
from streetveil.detection.weights import ModelCache
from streetveil.domain.detections import VEHICLES, Label
from streetveil.errors import ConfigurationError
from streetveil.jobs.anonymise import Anonymiser
from streetveil.jobs.erase import Erase
from streetveil.jobs.health import Health
from streetveil.jobs.inspect import Inspect
from streetveil.jobs.maintain import Maintain
from streetveil.jobs.process import AttemptPolicy, Process
from streetveil.jobs.retry import Retry
from streetveil.jobs.submit import Submit
from streetveil.queue.base import JobQueue
from streetveil.queue.memory import MemoryQueue
from streetveil.redaction.pixels import PixelRedactor
from streetveil.settings import Settings
from streetveil.storage.local import LocalObjectStore


@dataclass(frozen=True, slots=True)
class Services:
    """Every use case of a running service, and what a worker needs to start."""

    anonymise: Anonymiser
    submit: Submit
    inspect: Inspect
    retry: Retry
    erase: Erase
    health: Health
    process: Process
    maintain: Maintain
    queue: JobQueue


def build_anonymiser(settings: Settings) -> Anonymiser:
    """Loads the models; takes a second or so.

    Raises:
        ModelError: a model is missing or cannot be used.
    """
    detector = build_scene_detector(
        ModelCache(settings.streetveil_cache),
        model_paths=_model_paths(settings),
        thresholds=_thresholds(settings),
    )
    return Anonymiser(detector, PixelRedactor(), max_pixels=settings.max_pixels)


def results_variant(settings: Settings) -> str:
    """Names the models and thresholds in force: results made with others are not the same."""
    models: dict[str, object] = {}
    paths = _model_paths(settings)
    for card in MODELS:
        own = paths[card.task]
        # A model file that was replaced is another model.
        models[card.task] = [str(own), _changed_at(own)] if own is not None else [card.name, card.version]
    return json.dumps({"models": models, "thresholds": _thresholds(settings)}, sort_keys=True)


def default_options(settings: Settings) -> dict[str, str | float | list[str] | None]:
    """The service's choices for options that a request leaves out, as `JobOptions.parse` takes them."""
    return {
        "style": settings.default_style,
        "profile": settings.default_profile,
        "metadata": settings.default_metadata,
    }


@contextmanager
def open_services(settings: Settings) -> Iterator[Services]:
    """The embedded service: SQLite, local files and a queue within this process, all below the data folder.

    What an earlier process left unfinished is queued again before this returns.

    Raises:
        ConfigurationError: the settings cannot work, or another process uses the data folder.
        ModelError: a model is missing or cannot be used.
    """
    _refuse_servers(settings)
    anonymise = build_anonymiser(settings)
    with ExitStack() as stack:
        lock = DataFolderLock(settings.data_dir)
        lock.acquire()
        stack.callback(lock.release)
        url = settings.database_url
        engine = open_engine(url.get_secret_value() if url else sqlite_url(settings.data_dir / "streetveil.db"))
        database = SqlDatabase(engine)
        stack.callback(database.close)
        database.upgrade()
        storage = LocalObjectStore.open(settings.data_dir / "objects")
        stack.callback(storage.close)
        queue = MemoryQueue()
        stack.callback(queue.close)
        attempts = AttemptPolicy(most=settings.max_attempts)
        services = Services(
            anonymise=anonymise,
            submit=Submit(database=database, storage=storage, queue=queue, max_queue_size=settings.max_queue_size),
            inspect=Inspect(database=database, storage=storage, queue=queue, max_queue_size=settings.max_queue_size),
            retry=Retry(database=database, queue=queue),
            erase=Erase(database=database, storage=storage),
            health=Health(database=database, storage=storage, queue=queue),
            process=Process(
                database=database,
                storage=storage,
                queue=queue,
                anonymise=anonymise,
                worker_id=settings.worker_id or f"{socket.gethostname()[:40]}-{os.getpid()}",
                attempts=attempts,
            ),
            maintain=Maintain(database=database, storage=storage, queue=queue, attempts=attempts),
            queue=queue,
        )
        services.maintain.recover(alone=True)
        yield services


def worker_threads(settings: Settings) -> int:
    """As many as set, or one per core this process may use."""
    return settings.num_workers or len(os.sched_getaffinity(0))


def _refuse_servers(settings: Settings) -> None:
    named = [name for name in ("redis_url", "s3_bucket") if getattr(settings, name) is not None]
    if named:
        raise ConfigurationError(
            f"{', '.join(named).upper()} names a server, which this version cannot use yet; "
            "unset it to run embedded, with SQLite and local files."
        )


def _model_paths(settings: Settings) -> dict[Task, Path | None]:
    return {
        "faces": settings.face_detection_model_path,
        "vehicles": settings.vehicle_detection_model_path,
        "plates": settings.plate_detection_model_path,
    }


def _thresholds(settings: Settings) -> dict[Label, float]:
    thresholds: dict[Label, float] = {}
    if settings.face_confidence_threshold is not None:
        thresholds[Label.FACE] = settings.face_confidence_threshold
    if settings.plate_confidence_threshold is not None:
        thresholds[Label.LICENSE_PLATE] = settings.plate_confidence_threshold
    if settings.car_confidence_threshold is not None:
        thresholds |= dict.fromkeys(VEHICLES, settings.car_confidence_threshold)
    return thresholds


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # loading it will say what is wrong
