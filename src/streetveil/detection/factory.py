"""Loads the models and puts the scene detector together. Nothing is loaded before this is called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from streetveil.detection.detector import ModelDetector, Traits
from streetveil.detection.models import MODELS, Task
from streetveil.detection.scene import ProfiledSceneDetector
from streetveil.detection.session import Session
from streetveil.detection.user_models import load_user_model
from streetveil.detection.weights import ModelCache
from streetveil.domain.detections import Label


def build_scene_detector(
    cache: ModelCache,
    *,
    model_paths: Mapping[Task, Path | None] | None = None,
    thresholds: Mapping[Label, float] | None = None,
    threads: int = 1,
) -> ProfiledSceneDetector:
    """Loads one model per task: the user's own where `model_paths` names one, else the default out of `cache`.

    `thresholds` are the lowest scores that count where a query names none; a class not named has its
    model's calibrated default. `threads` is the number of cores that one run of a model may use.

    Raises:
        ModelMissingError: a model is neither in the cache nor at its path.
        ModelError: a model cannot be used; the message says why.
    """
    loaded: dict[Task, ModelDetector] = {}
    for card in MODELS:
        own = (model_paths or {}).get(card.task)
        if own is not None:
            loaded[card.task] = load_user_model(own, card.task, threads=threads)
        else:
            loaded[card.task] = ModelDetector(Traits.of_card(card), Session(cache.path(card), threads=threads))
    return ProfiledSceneDetector(loaded["faces"], loaded["plates"], loaded["vehicles"], thresholds=thresholds)
