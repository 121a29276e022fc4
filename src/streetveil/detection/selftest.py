"""Which way to run a model is fastest on this machine, of those that find the same: `streetveil models tune`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from streetveil.detection.decoders import Candidates
from streetveil.detection.detector import ModelDetector, Traits
from streetveil.detection.files import digest
from streetveil.detection.models import ModelCard
from streetveil.detection.preprocess import Budget, View, make_input, place
from streetveil.detection.session import Session
from streetveil.detection.specimens import Pixels, comparing_views, measuring_views, with_plates
from streetveil.detection.tuning import Chosen, Tuning, model_id
from streetveil.detection.weights import ModelCache
from streetveil.domain.geometry import Box, Size
from streetveil.domain.measurements import Task
from streetveil.domain.options import Profile
from streetveil.errors import ModelError

REFERENCE = "float32"
INT8 = "int8"

_FLOAT_LAYERS: Mapping[Task, int] = {"faces": 3, "plates": 1}
"""The tasks whose models are tried in eight bits, and how many first layers stay out of it. Vehicles are not: their
scores suffer, and a network of few wide layers gains little (docs/performance.md)."""

# A find counts in the comparison from a little above the threshold on: whether one of exactly the threshold's
# score is found is chance.
_CLEAR = 0.1
_SAME_IOU = 0.6
_LEAST_MEAN_IOU = 0.8
_LEAST_GAIN = 1.1
_MOST_COMPARED = 100
"""Finds of one piece that are compared, best first: a broken model may see thousands."""
_ROUNDS = 12


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to run a model, measured.

    Attributes:
        milliseconds: processor time of one run, the median; None where it could not be run.
        found: of `expected` clear finds of the reference, how many it finds too.
        extra: clear finds that the reference does not have.
        mean_iou: of the boxes found by both.
        problem: why it cannot be used; None where it can.
    """

    variant: str
    milliseconds: float | None
    found: int = 0
    expected: int = 0
    extra: int = 0
    mean_iou: float | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The trials of one model, the reference first, and the variant that was picked."""

    card: ModelCard
    trials: tuple[Trial, ...]
    picked: str


def tune(
    cache: ModelCache,
    tuning: Tuning,
    cards: Sequence[ModelCard],
    photos: Sequence[Pixels],
    on_step: Callable[[str], None] = lambda _: None,
) -> list[Verdict]:
    """Makes the variants of each model, compares and times them, and keeps the fastest that find the same.

    Args:
        cache: where the converted models are.
        tuning: where the choices and the variants go.
        cards: the models.
        photos: RGB (height, width, 3), with what the models look for on them.
        on_step: told what happens next.

    Raises:
        ModelError: a model is missing or cannot be run at all, or the cache cannot be written.
    """
    verdicts, choices = [], []
    with tuning.scratch() as name:
        for card in cards:
            verdict, chosen = _tune_one(card, cache.path(card), Path(name), photos, on_step)
            verdicts.append(verdict)
            choices.append((card, chosen))
        tuning.keep(choices, Path(name))
    return verdicts


def _tune_one(
    card: ModelCard, converted: Path, folder: Path, photos: Sequence[Pixels], on_step: Callable[[str], None]
) -> tuple[Verdict, Chosen]:
    traits = Traits.of_card(card)
    if card.task == "plates":
        photos = with_plates(photos)
    on_step(f"{card.name}: {REFERENCE}")
    sessions = {REFERENCE: Session(converted)}
    trials: dict[str, Trial] = {}
    files: dict[str, Path] = {}
    if card.task in _FLOAT_LAYERS:
        on_step(f"{card.name}: making {INT8}")
        target = folder / f"{card.name}-{INT8}.onnx"
        try:
            _write_int8(converted, traits, photos, target, _FLOAT_LAYERS[card.task])
            sessions[INT8] = Session(target)
            files[INT8] = target
            on_step(f"{card.name}: comparing {INT8}")
            trials[INT8] = compare(traits, sessions[REFERENCE], sessions[INT8], INT8, photos)
        except ModelError as error:
            trials[INT8] = Trial(INT8, None, problem=error.detail)
    on_step(f"{card.name}: timing")
    times = _times(traits, sessions, photos[0])
    trials = {REFERENCE: Trial(REFERENCE, None), **trials}
    measured = [_timed(trial, times.get(trial.variant)) for trial in trials.values()]
    picked = pick(measured)
    file = sha256 = None
    if picked in files:
        sha256 = digest(files[picked])
        file = f"{card.name}-{picked}-{sha256[:8]}.onnx"
        files[picked].rename(folder / file)
    chosen = Chosen(model_id(card), picked, file, sha256, {name: round(value, 3) for name, value in times.items()})
    return Verdict(card, tuple(measured), picked), chosen


def pick(trials: Sequence[Trial]) -> str:
    """The variant to run: the fastest usable one, but the first, which is the reference, where little is gained."""
    reference, *others = trials
    usable = [trial for trial in others if trial.problem is None and trial.milliseconds is not None]
    best = min(usable, key=lambda trial: trial.milliseconds or 0, default=None)
    if best is None or best.milliseconds is None or reference.milliseconds is None:
        return reference.variant
    return best.variant if best.milliseconds * _LEAST_GAIN <= reference.milliseconds else reference.variant


def compare(traits: Traits, reference: Session, other: Session, variant: str, photos: Sequence[Pixels]) -> Trial:
    """Whether `other` finds what `reference` finds, on pieces of the photos."""
    plan = traits.plans[Profile.BALANCED]
    views = comparing_views(photos, _budgets(plan.crop or plan.whole))
    limits = [np.full(len(traits.labels), traits.threshold, np.float32)] * len(views)
    wanted = ModelDetector(traits, reference).detect(views, limits)
    given = ModelDetector(traits, other).detect(views, limits)
    clear = traits.threshold + _CLEAR
    ious: list[float] = []
    expected = extra = 0
    for ours, theirs in zip(wanted, given, strict=True):
        matches = [_best_iou(box, theirs) for box in _clear_boxes(ours, clear)]
        expected += len(matches)
        ious += [iou for iou in matches if iou >= _SAME_IOU]
        extra += sum(_best_iou(box, ours) < _SAME_IOU for box in _clear_boxes(theirs, clear))
    mean = float(np.mean(ious)) if ious else None
    trial = Trial(variant, None, len(ious), expected, extra, mean)
    return replace(trial, problem=_complaint(trial))


def _complaint(trial: Trial) -> str | None:
    if not trial.expected or trial.mean_iou is None:
        return "nothing to compare: the photos show nothing that the model finds"
    if trial.found < trial.expected:
        return f"misses {trial.expected - trial.found} of {trial.expected}"
    if trial.extra:
        return f"finds {trial.extra} that are not there"
    if trial.mean_iou < _LEAST_MEAN_IOU:
        return f"boxes overlap by {trial.mean_iou:.0%} only"
    return None


def _clear_boxes(candidates: Candidates, score: float) -> list[Box]:
    return [Box(*box) for box in candidates.boxes[candidates.scores >= score][:_MOST_COMPARED].tolist()]


def _best_iou(box: Box, others: Candidates) -> float:
    return max((box.iou(Box(*other)) for other in others.boxes[:_MOST_COMPARED].tolist()), default=0.0)


def _write_int8(converted: Path, traits: Traits, photos: Sequence[Pixels], target: Path, float_layers: int) -> None:
    # the onnx package and the tools take a second to load, and only this needs them
    from streetveil.detection.conversion.int8 import quantise  # noqa: PLC0415

    plan = traits.plans[Profile.FAST]
    views = measuring_views(photos, _budgets(plan.crop or plan.whole))
    tensors = [_tensor(traits, view) for view in views]
    quantise(
        converted, [tensor.astype(np.float32, copy=False) for tensor in tensors], target, float_layers=float_layers
    )


def _budgets(*budgets: Budget | None) -> list[Budget]:
    return [budget for budget in budgets if budget is not None]


def _tensor(traits: Traits, view: View) -> npt.NDArray[np.floating[Any]]:
    height, width = view.pixels.shape[:2]
    return make_input([view], place(Size(width, height), view.budget, traits.spec), traits.spec)


def _times(traits: Traits, sessions: Mapping[str, Session], photo: Pixels) -> dict[str, float]:
    """Milliseconds of processor time of one run of each, taking turns, so that a busy machine slows all of them."""
    plan = traits.plans[Profile.FAST]
    height, width = photo.shape[:2]
    view = View(photo, Box(0, 0, width, height), plan.crop or plan.whole or Budget(256 * 256))
    tensor = _tensor(traits, view)
    taken: dict[str, list[float]] = {name: [] for name in sessions}
    for turn in range(_ROUNDS + 2):
        for name, session in sessions.items():
            start = time.thread_time()
            session.run(tensor)
            if turn >= 2:  # the first runs allocate
                taken[name].append(1000 * (time.thread_time() - start))
    return {name: statistics.median(values) for name, values in taken.items()}


def _timed(trial: Trial, milliseconds: float | None) -> Trial:
    return replace(trial, milliseconds=milliseconds)
