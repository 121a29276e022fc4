"""How much arithmetic each profile spends on each task. Chosen by measuring; docs/quality.md has the figures."""

from __future__ import annotations

from dataclasses import dataclass

from streetveil.detection.preprocess import Budget
from streetveil.domain.measurements import Task
from streetveil.domain.options import Profile


@dataclass(frozen=True, slots=True)
class Plan:
    """The passes of one model over one picture.

    Attributes:
        whole: the pass over the whole picture; None: there is none.
        tile: side in pixels of tiles at the picture's own scale; None: no tiles.
        crop: plates only: the pass over each vehicle; None: vehicles are not looked at singly.
        crops_most: input pixels of all those passes together, which bounds the time that a car park takes.
    """

    whole: Budget | None
    tile: int | None = None
    crop: Budget | None = None
    crops_most: int = 64 * 320 * 320


TILE_OVERLAP = 0.25
"""Share of a tile's side that neighbours have in common: what is larger is left to the whole-picture pass."""

SAME_OBJECT_IOU: dict[Task, float] = {"faces": 0.35, "plates": 0.45, "vehicles": 0.45}
"""From this overlap on two boxes are one object. CenterFace says the same face several times, a little apart."""

_FACES = {
    Profile.FAST: Plan(Budget(480 * 270, enlarge=2)),
    Profile.BALANCED: Plan(Budget(640 * 360, enlarge=2)),
    Profile.ACCURATE: Plan(Budget(1280 * 720, enlarge=2), tile=640),
}
_VEHICLES = {
    Profile.FAST: Plan(Budget(384 * 216, enlarge=2)),
    Profile.BALANCED: Plan(Budget(512 * 288, enlarge=2)),
    Profile.ACCURATE: Plan(Budget(640 * 480, enlarge=2), tile=512),
}
_PLATES = {
    # A close-up may show too little of a vehicle to be recognised as one, and its plate is large: hence `whole`.
    Profile.FAST: Plan(Budget(256 * 144, enlarge=2), crop=Budget(256 * 256, enlarge=2), crops_most=12 * 256 * 256),
    Profile.BALANCED: Plan(Budget(320 * 192, enlarge=2), crop=Budget(320 * 320, enlarge=2), crops_most=12 * 320 * 320),
    Profile.ACCURATE: Plan(Budget(640 * 384, enlarge=2), tile=640, crop=Budget(320 * 320, enlarge=2)),
}
PLANS: dict[Task, dict[Profile, Plan]] = {"faces": _FACES, "vehicles": _VEHICLES, "plates": _PLATES}


def plans_for(task: Task, side: int) -> dict[Profile, Plan]:
    """The plans of a model that nobody measured here: the area of the square it was trained on counts as balanced."""
    area = side * side
    crop = Budget(area // 4, enlarge=2) if task == "plates" else None
    return {
        Profile.FAST: Plan(Budget(area // 2, enlarge=2)),
        Profile.BALANCED: Plan(Budget(area, enlarge=2), crop=crop, crops_most=2 * area),
        Profile.ACCURATE: Plan(Budget(area, enlarge=2), tile=side, crop=crop, crops_most=2 * area),
    }
