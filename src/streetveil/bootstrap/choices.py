"""What the settings choose among what there is, told in the words of those who need it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from streetveil.detection.models import MODELS
from streetveil.domain.detections import VEHICLES, Label
from streetveil.domain.measurements import Task
from streetveil.settings import Settings

# On a GPU a job spends most of its time waiting for its batch.
_GPU_JOBS_PER_CORE = 3


def digest_of(path: Path) -> str:
    """What tells a model file from the one that it replaced; loading it will say where there is none."""
    from streetveil.detection.files import digest

    try:
        return digest(path)[:12]
    except OSError:
        return "missing"


def results_variant(settings: Settings) -> str:
    """Names the models, thresholds and the like in force: results made with others are not the same."""
    models: dict[str, object] = {}
    paths = model_paths(settings)
    tuned = tuned_models(settings)
    for card in MODELS:
        own = paths[card.task]
        # A model file that was replaced is another model.
        known = [card.name, card.version, *([tuned[card.task]] if card.task in tuned else [])]
        models[card.task] = [str(own), _changed_at(own)] if own is not None else known
    more: dict[str, object] = {"comment": settings.redaction_comment} if settings.redaction_comment else {}
    if settings.verify != "off":
        more["verify"] = settings.verify
    return json.dumps({"models": models, "thresholds": redaction_thresholds(settings), **more}, sort_keys=True)


def tuned_models(settings: Settings) -> dict[Task, str]:
    """The variants that `streetveil models tune` picked on this machine; models that run as converted are not in it."""
    if has_gpu(settings):
        return {}
    from streetveil.detection.tuning import Machine, Tuning
    from streetveil.detection.weights import ModelCache

    tuning = Tuning(ModelCache(settings.streetveil_cache), Machine.this())
    paths = model_paths(settings)
    chosen = {card.task: tuning.chosen(card) for card in MODELS if paths[card.task] is None}
    return {task: choice.variant for task, choice in chosen.items() if choice is not None and choice.file is not None}


def default_options(settings: Settings) -> dict[str, str | float | list[str] | None]:
    """The service's choices for options that a request leaves out, as `JobOptions.parse` takes them."""
    return {
        "style": settings.default_style,
        "profile": settings.default_profile,
        "metadata": settings.default_metadata,
    }


def worker_threads(settings: Settings) -> int:
    """As many as set, or one per core this process may use; more where jobs wait for a GPU meanwhile."""
    cores = len(os.sched_getaffinity(0))
    return settings.num_workers or cores * (_GPU_JOBS_PER_CORE if has_gpu(settings) else 1)


def model_paths(settings: Settings) -> dict[Task, Path | None]:
    """The user's own models, by what they find."""
    return {
        "faces": settings.face_detection_model_path,
        "vehicles": settings.vehicle_detection_model_path,
        "plates": settings.plate_detection_model_path,
    }


def redaction_thresholds(settings: Settings) -> dict[Label, float]:
    """The lowest scores that count, of the classes whose score was set."""
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


def has_gpu(settings: Settings) -> bool:
    """Whether models will run on a GPU; where there is none that is known without loading ONNX Runtime."""
    from streetveil.detection.devices import choose, gpus_of_driver

    if settings.device == "cpu" or isinstance(gpus_of_driver(), str):
        return False
    from streetveil.detection.session import installed_runtime

    return choose(settings.device, installed_runtime(), gpus_of_driver).on_gpu


def isolates(settings: Settings) -> bool:
    """Whether photos are decoded in child processes. Threads that share a GPU or batches must share a process."""
    shared = settings.batch_max_size > 1 or has_gpu(settings)
    return settings.isolation == "process" or (settings.isolation == "auto" and not shared)
