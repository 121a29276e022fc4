from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from streetveil.bench import growth
from streetveil.bench.growth import BatchedWork, Curve
from streetveil.bench.photos import encoded
from streetveil.bench.rounds import ThreadedWork
from streetveil.bench.sample import Sample
from streetveil.domain.options import JobOptions
from streetveil.errors import ModelError
from streetveil.imaging.picture import Picture
from streetveil.redaction.base import RedactedFile


class Fixed:
    """Work of known cost."""

    threads = 1

    def __init__(self, name, core_ms):
        self.name, self._core_ms = name, core_ms

    def run(self, laps):
        return Sample(laps, 1.0, laps * self._core_ms / 1e3)


def test_a_curve_tells_the_last_point_by_the_first():
    curve = Curve("cost", "jobs", [(10, Fixed("ten", 2.0)), (1000, Fixed("thousand", 3.0))])

    [measured] = growth.measure([curve, Curve("nothing", "at all", [])], rounds=2, seconds=0, on_step=lambda _: None)

    assert measured.growth == pytest.approx(1.5)
    report: dict[str, Any] = measured.as_dict()
    assert (report["name"], report["by"], report["growth"]) == ("cost", "jobs", 1.5)
    assert [(point["at"], point["core_ms"]["median"]) for point in report["points"]] == [(10, 2.0), (1000, 3.0)]


def test_a_run_over_several_pictures_is_reported_by_the_picture():
    work = BatchedWork(ThreadedWork("model", 1, lambda _: None, photos=1), 8)

    assert work.run(5).photos == 40


def test_regions_grow_one_photo():
    seen = []

    def redact(picture, regions, metadata):
        seen.append((picture.header.stored.width, len(regions)))
        return RedactedFile(picture.data, lossless=True)

    photo = encoded(np.zeros((64, 96, 3), np.uint8))
    curve = growth.by_regions(SimpleNamespace(redact=redact), photo, 10**6)
    for _, work in curve.points:
        work.run(1)

    assert seen == [(96, 1), (96, 2), (96, 4), (96, 8)]


def test_megapixels_are_those_of_the_photos(monkeypatch):
    monkeypatch.setattr(growth, "MEGAPIXELS", (0.01, 0.5))
    sizes = []

    def anonymise(data: bytes, options: JobOptions) -> Any:
        sizes.append(Picture.open(data, max_pixels=10**8).header.stored)

    for at, work in growth.by_megapixels(anonymise, encoded(np.zeros((64, 96, 3), np.uint8)), JobOptions()).points:
        work.run(1)
        assert sizes[-1].pixels / 1e6 == pytest.approx(at, rel=0.02)
        assert sizes[-1].width / sizes[-1].height == pytest.approx(4 / 3, rel=0.02)


def parts(run):
    recorded = SimpleNamespace(model="faces", network=SimpleNamespace(run=run), arguments=(np.zeros((1, 3, 4, 4)),))
    return SimpleNamespace(models=["faces"], known=[SimpleNamespace(tape=SimpleNamespace(runs=[recorded]))])


def test_more_and_more_pictures_go_into_one_run():
    shapes = []

    [curve] = growth.by_batch(parts(lambda tensor: shapes.append(tensor.shape)))

    assert [at for at, _ in curve.points] == [1, 2, 4, 8]
    assert shapes == [(size, 3, 4, 4) for size in (1, 2, 4, 8)]


def test_a_model_of_one_picture_a_run_has_one_point():
    def run(tensor):
        if len(tensor) > 1:
            raise ModelError("one at a time")

    [curve] = growth.by_batch(parts(run))

    assert [at for at, _ in curve.points] == [1]
