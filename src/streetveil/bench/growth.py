"""How the cost of one thing grows with another: jobs that wait, regions, pixels, pictures in one run of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import simplejpeg

from streetveil.bench import crowd
from streetveil.bench.inside import Inside
from streetveil.bench.photos import PhotoSet, cropped, encoded
from streetveil.bench.rounds import OnStep, ThreadedWork, Work, alternate
from streetveil.bench.sample import Sample, Series
from streetveil.bench.ways import spread
from streetveil.domain.geometry import Size
from streetveil.domain.options import JobOptions, MetadataPolicy
from streetveil.errors import ModelError
from streetveil.imaging.picture import Picture
from streetveil.redaction.base import Redactor
from streetveil.settings import Settings

REGIONS = (1, 2, 4, 8)
MEGAPIXELS = (0.3, 2, 12, 50)
BATCHES = (1, 2, 4, 8)
_ASPECT = 4 / 3


@dataclass(frozen=True, slots=True)
class Curve:
    """What is measured at each point.

    Attributes:
        name: what is measured, per `unit`.
        by: what grows.
        points: how far, and the work there.
    """

    name: str
    by: str
    points: Sequence[tuple[float, Work]]


@dataclass(frozen=True, slots=True)
class MeasuredCurve:
    """The same with its figures."""

    name: str
    by: str
    points: Sequence[tuple[float, Series]]

    @property
    def growth(self) -> float:
        """Processor time at the last point over that at the first."""
        return self.points[-1][1].core_ms / self.points[0][1].core_ms

    def as_dict(self) -> dict[str, object]:
        points = [{"at": at, **series.as_dict()} for at, series in self.points]
        return {"name": self.name, "by": self.by, "points": points, "growth": round(self.growth, 3)}


@dataclass(frozen=True, slots=True)
class BatchedWork:
    """One picture an act, reported by the pictures: `size` of them in each."""

    inner: ThreadedWork
    size: int

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def threads(self) -> int:
        return self.inner.threads

    def run(self, laps: int) -> Sample:
        sample = self.inner.run(laps)
        return Sample(sample.photos * self.size, sample.rate * self.size, sample.core_s)


def measure(curves: Sequence[Curve], *, rounds: int, seconds: float, on_step: OnStep) -> list[MeasuredCurve]:
    """All points of all curves, taking turns."""
    works = [work for curve in curves for _, work in curve.points]
    series = iter(alternate(works, rounds=rounds, seconds=seconds, on_step=on_step))
    return [
        MeasuredCurve(curve.name, curve.by, [(at, next(series)) for at, _ in curve.points])
        for curve in curves
        if curve.points
    ]


def by_jobs(settings: Settings, photos: PhotoSet, folder: Path, stack: ExitStack, sizes: Sequence[int]) -> Curve:
    """One job beside many that wait, each crowd in a table and queue of its own so that they can take turns."""
    points = [(size, stack.enter_context(crowd.embedded(settings, photos, folder / str(size), size))) for size in sizes]
    return Curve("a job but for looking at the photo", "jobs waiting", points)


def by_regions(redactor: Redactor, photo: bytes, max_pixels: int) -> Curve:
    """Redaction of one photo."""
    picture = Picture.open(photo, max_pixels=max_pixels)
    picture.check()  # as detection leaves it
    points = []
    for count in REGIONS:
        act = partial(redactor.redact, picture, spread(picture.header.upright, count), MetadataPolicy.STRIP)
        points.append((count, _single(f"redaction of {count} regions", act)))
    return Curve("redaction", "regions", points)


def by_megapixels(anonymise: Callable[[bytes, JobOptions], object], photo: bytes, options: JobOptions) -> Curve:
    """The whole job of the same scene in more and more pixels."""
    pixels = simplejpeg.decode_jpeg(photo, "RGB", strict=False)
    points = []
    for megapixels in MEGAPIXELS:
        height = round((megapixels * 1e6 / _ASPECT) ** 0.5)
        file = encoded(cropped(pixels, Size(round(height * _ASPECT), height)))
        points.append((megapixels, _single(f"whole job of {megapixels} megapixels", partial(anonymise, file, options))))
    return Curve("whole job", "megapixels", points)


def by_batch(parts: Inside) -> list[Curve]:
    """Each model at its first input of the first photo that it runs on, more and more of them in one run."""
    curves = []
    for model in parts.models:
        run = next(run for known in parts.known for run in known.tape.runs if run.model == model)
        one = run.arguments[0][:1]
        points = []
        for size in BATCHES:
            tensor = np.repeat(one, size, axis=0)
            with suppress(ModelError):  # it takes one picture a run, and has no more points
                run.network.run(tensor)
                work = _single(f"{model}, {size} in one run", partial(run.network.run, tensor))
                points.append((size, BatchedWork(work, size)))
        curves.append(Curve(f"model {model}, per picture", "pictures in one run", points))
    return curves


def _single(name: str, act: Callable[[], object]) -> ThreadedWork:
    return ThreadedWork(name, 1, lambda _: act(), photos=1)
