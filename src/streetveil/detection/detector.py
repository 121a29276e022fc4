"""One model at work: pieces of pictures in, boxes in the pictures' pixels out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from streetveil.detection.base import ModelIdentity
from streetveil.detection.decoders import DECODERS, Candidates, Decoder, Floats
from streetveil.detection.models import ModelCard
from streetveil.detection.nms import suppress
from streetveil.detection.preprocess import InputSpec, Placement, View, make_input, place
from streetveil.detection.profiles import PLANS, SAME_OBJECT_IOU, Plan
from streetveil.detection.session import Network
from streetveil.domain.detections import Label
from streetveil.domain.geometry import Size
from streetveil.domain.options import Profile

_RUN_PIXELS = 1_000_000
"""Most input pixels in one run over several pieces: what a network computes in between takes hundreds of times that."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What must be known about a model to use it, wherever it came from.

    Attributes:
        labels: our class of each class channel; None for one that is of no interest.
        threshold: lowest score that counts where a query names none.
        gate_threshold: lowest score of a vehicle in which plates are looked for.
        margin: growth of a box on each side before redaction, as a fraction of its sides.
        plans: the passes over a picture, by profile.
        iou: overlap from which on two boxes are one object.
        batch: most pieces in one run; 1 where the model takes no more.
    """

    identity: ModelIdentity
    labels: tuple[Label | None, ...]
    spec: InputSpec
    decode: Decoder
    threshold: float
    gate_threshold: float
    margin: float
    plans: Mapping[Profile, Plan]
    iou: float
    batch: int = 8

    @classmethod
    def of_card(cls, card: ModelCard) -> Traits:
        """The traits of a model of the catalogue."""
        wants = card.preprocessing
        return cls(
            identity=ModelIdentity(card.name, card.version, card.sha256),
            labels=card.labels,
            spec=InputSpec(wants.stride, wants.scale, wants.pad_value, bgr=wants.colour_order == "bgr"),
            decode=DECODERS[card.family],
            threshold=card.default_threshold,
            gate_threshold=card.default_threshold if card.gate_threshold is None else card.gate_threshold,
            margin=card.margin,
            plans=PLANS[card.task],
            iou=SAME_OBJECT_IOU[card.task],
        )


class Detector(Protocol):
    """Finds objects in pieces of pictures. Safe to call from several threads at once."""

    @property
    def traits(self) -> Traits: ...

    def detect(self, views: Sequence[View], thresholds: Sequence[Floats]) -> list[Candidates]:
        """Objects in each piece, best first, without duplicates, in pixels of the upright picture.

        Boxes may reach beyond the piece. `thresholds` has, for each piece, the lowest score that
        counts per class channel. A piece's result does not depend on what else is in the batch.

        Raises:
            ModelError: the model failed.
        """
        ...


class ModelDetector:
    """A `Detector` over one network."""

    def __init__(self, traits: Traits, network: Network) -> None:
        self._traits = traits
        self._network = network

    @property
    def traits(self) -> Traits:
        return self._traits

    def detect(self, views: Sequence[View], thresholds: Sequence[Floats]) -> list[Candidates]:
        groups: dict[Placement, list[int]] = defaultdict(list)
        for index, view in enumerate(views):
            groups[place(_size(view), view.budget, self._traits.spec)].append(index)
        found: dict[int, Candidates] = {}
        for placement, members in groups.items():
            # pieces of one size share a run; nothing is padded to fit a batch, so none changes another's result
            most = max(1, min(self._traits.batch, _RUN_PIXELS // placement.size.pixels))
            for start in range(0, len(members), most):
                chunk = members[start : start + most]
                found.update(zip(chunk, self._run(placement, chunk, views, thresholds), strict=True))
        return [found[index] for index in range(len(views))]

    def _run(
        self, placement: Placement, chunk: Sequence[int], views: Sequence[View], thresholds: Sequence[Floats]
    ) -> list[Candidates]:
        tensor = make_input([views[index] for index in chunk], placement, self._traits.spec)
        outputs = self._network.run(tensor)
        floor = np.min([thresholds[index] for index in chunk], axis=0)
        results = []
        for index, candidates in zip(chunk, self._traits.decode(outputs, placement.size, floor), strict=True):
            wanted = candidates.take(candidates.scores >= thresholds[index][candidates.classes])
            unique = wanted.take(suppress(wanted, self._traits.iou))
            boxes = placement.to_picture(unique.boxes, views[index].area)
            results.append(Candidates(boxes, unique.scores, unique.classes))
        return results


def _size(view: View) -> Size:
    return Size(max(1, round(view.area.width)), max(1, round(view.area.height)))
