"""What was measured while one photo was worked on: it travels with the result, out of whichever process made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from streetveil.domain.detections import VEHICLES, Label

Task = Literal["faces", "plates", "vehicles"]
"""What a model is there for; there is one for each."""

CLASSES: Final[Mapping[Task, tuple[Label, ...]]] = {
    "faces": (Label.FACE,),
    "plates": (Label.LICENSE_PLATE,),
    "vehicles": tuple(sorted(VEHICLES)),
}

PHOTO_STAGES: Final = ("decode", "faces", "vehicles", "plates", "redact", "verify")
"""The stages of a photo that is in memory; docs/metrics.md says what each is."""

STAGES: Final = ("queued", "claim", "fetch", "handover", *PHOTO_STAGES, "store", "record")
"""Those of a job."""

LIMITS: Final = (
    "queue",
    "rate",
    "photos_per_day",
    "bytes_per_day",
    "uploads_per_client",
    "open_uploads",
    "waiting_uploads",
    "waiting_redactions",
    "connections",
)
"""By which somebody may be turned away; docs/metrics.md says which setting is which."""

NO_CODE: Final = "none"
"""The code of what did not fail."""


class ModelRun(NamedTuple):
    """One run of a model.

    Attributes:
        rows: pictures, or pieces of them, in it.
        seconds: how long it took.
    """

    task: Task
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Measurements:
    """About one photo.

    Attributes:
        seconds: how long each of the `PHOTO_STAGES` took that there were.
        found: for each model that looked, the class and score of all it found above the thresholds.
        runs: of models, for this photo alone; those that photos share are told by whoever runs them.
    """

    seconds: Mapping[str, float] = field(default_factory=dict)
    found: Mapping[Task, tuple[tuple[Label, float], ...]] = field(default_factory=dict)
    runs: tuple[ModelRun, ...] = ()
