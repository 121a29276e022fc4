"""What works on a photo: models, redactor, and the processes that keep them apart from the service."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from streetveil.bootstrap.choices import isolates, model_paths, redaction_thresholds, worker_threads
from streetveil.detection.base import SceneDetector
from streetveil.detection.lazy import LazySceneDetector
from streetveil.detection.unreported import UnreportedVehicles
from streetveil.domain.measurements import ModelRun
from streetveil.domain.options import JobOptions
from streetveil.jobs.anonymise import Anonymised, Anonymiser
from streetveil.jobs.anonymising import Anonymising
from streetveil.redaction.base import Redactor
from streetveil.settings import Settings

if TYPE_CHECKING:
    from streetveil.detection.networks import Networks
    from streetveil.detection.scene import ProfiledSceneDetector
    from streetveil.observability.metrics import Metrics


# What a child process builds, and what of the settings that reads.
_IN_CHILD = "streetveil.bootstrap.photos:attempt_in_child"
_CHILD_SETTINGS = {
    "streetveil_cache",
    "device",
    "batch_max_size",
    "batch_max_wait_ms",
    "max_pixels",
    "verify",
    "redaction_comment",
    "face_detection_model_path",
    "vehicle_detection_model_path",
    "plate_detection_model_path",
    "face_confidence_threshold",
    "car_confidence_threshold",
    "plate_confidence_threshold",
}


_log = structlog.get_logger(__name__)

OnRun = Callable[[ModelRun], None]


def build_anonymiser(settings: Settings, *, vehicles: bool = True, on_run: OnRun | None = None) -> Anonymiser:
    """Loads the models; takes a second or so.

    Where `vehicles` are not reported, none are looked for but those that may carry a plate. `on_run` is told of each
    run of a model.

    Raises:
        ModelError: a model is missing or cannot be used.
    """
    detector = _load_detector(settings, on_run)
    return _anonymiser(detector if vehicles else UnreportedVehicles(detector), settings)


def lazy_anonymiser(settings: Settings, on_run: OnRun | None = None) -> Anonymiser:
    """For processes that seldom look at a photo themselves: the models load with the first."""
    return _anonymiser(LazySceneDetector(lambda: _load_detector(settings, on_run)), settings)


@contextmanager
def open_anonymiser(
    settings: Settings,
    *,
    lazy: bool = False,
    vehicles: bool = True,
    threads: int | None = None,
    metrics: Metrics | None = None,
) -> Iterator[Anonymising]:
    """What works on photos: child processes, or this one (docs/decisions/0011-photos-in-child-processes.md).

    Args:
        settings: those in force.
        lazy: models load with the first photo.
        vehicles: whether they are reported; see `build_anonymiser`.
        threads: how many call it at once; None: `worker_threads`.
        metrics: told of each run of a model, and of the children.

    Raises:
        ModelError: a model is missing or cannot be used.
        DecoderUnavailableError: no child process could be started.
    """
    if not isolates(settings):
        # Children tell of their runs with each photo; here jobs may share them.
        on_run = None if metrics is None else partial(_count_run, metrics)
        if lazy:
            yield lazy_anonymiser(settings, on_run)
        else:
            yield build_anonymiser(settings, vehicles=vehicles, on_run=on_run)
        return
    from streetveil.isolation.limits import Limits
    from streetveil.isolation.nursery import Nursery, Recipe
    from streetveil.isolation.pool import PoolPolicy, ProcessPool

    nursery = Nursery(
        Recipe(_IN_CHILD, {"settings": _for_children(settings), "vehicles": vehicles}),
        Limits(memory_bytes=settings.photo_memory_mb * 1024 * 1024),
    )
    with ExitStack() as stack:
        stack.callback(nursery.close)
        pool = ProcessPool(
            nursery,
            PoolPolicy(
                size=threads or worker_threads(settings),
                timeout_s=settings.photo_timeout_s,
                max_pixels=settings.max_pixels,
            ),
        )
        stack.callback(pool.close)
        if metrics is not None:
            from streetveil.isolation.usage import ChildrenReadings

            metrics.watch(ChildrenReadings(pool))
        if not lazy:
            pool.start()
        yield pool


def attempt_in_child(told: Mapping[str, Any]) -> Callable[[bytes, JobOptions], Anonymised]:
    """What a child process works with, from what `open_anonymiser` tells it."""
    runs: list[ModelRun] = []
    settings = Settings.model_validate(told["settings"])
    anonymiser = build_anonymiser(settings, vehicles=told["vehicles"], on_run=runs.append)

    def attempt(data: bytes, options: JobOptions) -> Anonymised:
        runs.clear()
        result = anonymiser.attempt(data, options)
        return replace(result, measured=replace(result.measured, runs=tuple(runs)))

    return attempt


def _count_run(metrics: Metrics, run: ModelRun) -> None:
    metrics.ran(run.task, run.rows, run.seconds)


def _for_children(settings: Settings) -> dict[str, object]:
    """Of the settings those that results depend on, as JSON: no address and no secret. Children have no folder."""
    chosen = settings.model_dump(mode="json", include=_CHILD_SETTINGS)
    for name in _CHILD_SETTINGS:
        if isinstance(path := getattr(settings, name), Path):
            chosen[name] = str(path.absolute())
    return chosen


def _anonymiser(detector: SceneDetector, settings: Settings) -> Anonymiser:
    verify = settings.verify == "redetect"
    return Anonymiser(detector, _redactor(settings), max_pixels=settings.max_pixels, verify=verify)


def _redactor(settings: Settings) -> Redactor:
    from streetveil.redaction.comment import CommentingRedactor
    from streetveil.redaction.redactor import FileRedactor

    redactor = FileRedactor()
    if redactor.missing:
        _log.warning("lossless_jpeg_unavailable", reason=redactor.missing)
    comment = settings.redaction_comment
    return CommentingRedactor(redactor, comment) if comment else redactor


def _load_detector(settings: Settings, on_run: OnRun | None = None) -> ProfiledSceneDetector:
    from streetveil.detection.factory import build_scene_detector
    from streetveil.detection.weights import ModelCache

    cache = ModelCache(settings.streetveil_cache)
    return build_scene_detector(
        cache,
        model_paths=model_paths(settings),
        thresholds=redaction_thresholds(settings),
        networks=_networks(settings, cache.root / "tensorrt"),
        on_run=on_run,
    )


def _networks(settings: Settings, engines: Path) -> Networks:
    from streetveil.detection.devices import choose, gpus_of_driver
    from streetveil.detection.networks import Batching, Networks
    from streetveil.detection.session import installed_runtime

    return Networks(
        choose(settings.device, installed_runtime(), gpus_of_driver),
        batching=Batching(settings.batch_max_size, settings.batch_max_wait_ms / 1000),
        engines=engines,
        lanes=len(os.sched_getaffinity(0)),
    )
