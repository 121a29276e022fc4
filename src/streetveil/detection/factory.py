"""Loads the models and puts the scene detector together. Nothing is loaded before this is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from streetveil.detection.batching import BatchObserver
from streetveil.detection.detector import ModelDetector, Traits
from streetveil.detection.models import MODELS
from streetveil.detection.networks import Networks
from streetveil.detection.preprocess import place
from streetveil.detection.scene import ProfiledSceneDetector
from streetveil.detection.tuning import Machine, Tuning
from streetveil.detection.user_models import load_user_model
from streetveil.detection.weights import ModelCache
from streetveil.domain.detections import Label
from streetveil.domain.geometry import Size
from streetveil.domain.measurements import ModelRun, Task
from streetveil.domain.options import Profile

_USUAL_PICTURES = (Size(1920, 1080), Size(4000, 3000))
_USUAL_CROPS = (Size(640, 480), Size(480, 480))


def build_scene_detector(
    cache: ModelCache,
    *,
    model_paths: Mapping[Task, Path | None] | None = None,
    thresholds: Mapping[Label, float] | None = None,
    networks: Networks | None = None,
    on_run: Callable[[ModelRun], None] | None = None,
) -> ProfiledSceneDetector:
    """Loads one model per task: the user's own where `model_paths` names one, else the default out of `cache`.

    `thresholds` are the lowest scores that count where a query names none; a class not named has its
    model's calibrated default. `networks` says where models run; by default on the CPU, one core a run.
    `on_run` is told of each run of a model, by any thread; it must be quick.

    Raises:
        ModelMissingError: a model is neither in the cache nor at its path.
        ModelError: a model cannot be used; the message says why.
    """
    networks = networks or Networks()
    tuning = Tuning(cache, Machine.this())  # of the processor: GPUs run the models as converted
    loaded: dict[Task, ModelDetector] = {}
    for card in MODELS:
        own = (model_paths or {}).get(card.task)
        path = own if own is not None else (cache if networks.on_gpu else tuning).path(card)
        traits = load_user_model(own, card.task).traits if own is not None else Traits.of_card(card)
        loaded[card.task] = ModelDetector(
            traits, networks.open(path, usual_sizes(traits), on_batch=_told(card.task, on_run))
        )
    return ProfiledSceneDetector(loaded["faces"], loaded["plates"], loaded["vehicles"], thresholds=thresholds)


def _told(task: Task, on_run: Callable[[ModelRun], None] | None) -> BatchObserver | None:
    """An observer of the task's model."""
    if on_run is None:
        return None
    return lambda run: on_run(ModelRun(task, run.rows, run.seconds))


def usual_sizes(traits: Traits) -> list[Size]:
    """The input sizes that common photos make under the quicker profiles."""
    sizes = []
    for profile in (Profile.FAST, Profile.BALANCED):
        plan = traits.plans[profile]
        looks = [(plan.whole, picture) for picture in _USUAL_PICTURES] + [(plan.crop, crop) for crop in _USUAL_CROPS]
        sizes += [place(size, budget, traits.spec).size for budget, size in looks if budget is not None]
    return list(dict.fromkeys(sizes))
