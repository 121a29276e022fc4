"""The work of one process: the whole job of a photo, and its parts alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from streetveil.bench.photos import PhotoSet, Uploads
from streetveil.bench.rounds import ThreadedWork
from streetveil.bench.tape import Tape, recorded
from streetveil.detection.session import Session
from streetveil.domain.options import JobOptions
from streetveil.imaging.picture import Picture
from streetveil.jobs.anonymise import Anonymiser
from streetveil.redaction.base import Redactor, Region

MODELS = "models alone"
DECODE = "decode"
REDACTION = "redaction"
JOB = "whole job"


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A photo, and what its job asks of each part.

    Attributes:
        picture: with the pixels decoded that detection needed, as redaction finds it.
        vehicles: how many were found.
    """

    data: bytes
    picture: Picture
    tape: Tape
    regions: Sequence[Region]
    vehicles: int


class Inside:
    """Makes `Work` of the parts of a job, all over the same photos."""

    def __init__(self, anonymise: Anonymiser, redactor: Redactor, photos: PhotoSet, options: JobOptions) -> None:
        """Does each photo's job once.

        Raises:
            StreetveilError: a photo cannot be used.
        """
        self.anonymise = anonymise
        self.redactor = redactor
        self.options = options
        self._uploads = Uploads(photos)
        self.known = [self._look(data) for data in photos.files]

    @property
    def models(self) -> list[str]:
        """The models that the job runs, by the names of their files."""
        return sorted({run.model for known in self.known for run in known.tape.runs})

    def models_alone(self, threads: int) -> ThreadedWork:
        """The runs of the models that the job needs, their inputs prebuilt: what no work around them can undercut."""
        return self._work(MODELS, threads, lambda number: self.known[number].tape.play())

    def model_alone(self, model: str, threads: int) -> ThreadedWork:
        """The runs of one of them."""
        tapes = self._tapes(model)
        return self._work(f"model {model}", threads, lambda number: tapes[number].play())

    def model_within(self, model: str, cores: int) -> ThreadedWork | None:
        """The runs of one of them, one at a time, each on several cores; None where it runs on a GPU."""
        tapes = self._tapes(model)
        paths = {run.network.path for tape in tapes for run in tape.runs if isinstance(run.network, Session)}
        if not paths:
            return None
        wide = Session(paths.pop(), threads=cores)
        again = [Tape([replace(run, network=wide) for run in tape.runs]) for tape in tapes]
        return self._work(f"model {model}, {cores} cores a run", 1, lambda number: again[number].play())

    def decode(self, threads: int) -> ThreadedWork:
        """From the file to the pixels that detection asks for."""

        def read(number: int) -> None:
            known = self.known[number]
            picture = Picture(known.data, known.picture.header)
            for at_least in known.tape.scales:
                picture.pixels(at_least)

        return self._work(DECODE, threads, read)

    def redaction(self, threads: int) -> ThreadedWork:
        """From the found regions to the redacted file, proofs of it included."""

        def redact(number: int) -> None:
            known = self.known[number]
            self.redactor.redact(known.picture, known.regions, self.options.metadata)

        return self._work(REDACTION, threads, redact)

    def job(self, threads: int) -> ThreadedWork:
        """Everything between the bytes of a photo and those of its result. No two photos are the same bytes."""
        return self._work(JOB, threads, lambda _: self.anonymise(next(self._uploads), self.options))

    def as_dict(self) -> dict[str, object]:
        """What was found in the photos, and what it asks of the models."""
        return {
            "count": len(self.known),
            "bytes": [len(known.data) for known in self.known],
            "sizes": [list(known.picture.header.upright) for known in self.known],
            "regions": [len(known.regions) for known in self.known],
            "vehicles": [known.vehicles for known in self.known],
            "model_runs": [_shapes(known.tape) for known in self.known],
        }

    def _work(self, name: str, threads: int, act: Callable[[int], object]) -> ThreadedWork:
        return ThreadedWork(name, threads, act, len(self.known))

    def _tapes(self, model: str) -> list[Tape]:
        return [Tape([run for run in known.tape.runs if run.model == model]) for known in self.known]

    def _look(self, data: bytes) -> Known:
        with recorded() as tape:
            picture, scene, regions = self.anonymise.detect(data, self.options)
        scales = tape.scales  # of detection alone: what redaction decodes for itself is part of its cost
        with recorded() as tape:
            self.anonymise(data, self.options)
        vehicles = len(scene.vehicles.detections) if scene.vehicles else 0
        return Known(data, picture, Tape(tape.runs, scales), regions, vehicles)


def _shapes(tape: Tape) -> list[str]:
    """Like `centerface 1x3x384x640`, one per run."""
    return [f"{run.model} {'x'.join(map(str, np.shape(run.arguments[0])))}" for run in tape.runs]
