"""The whole command in this process, in a folder of its own, with no models and none of the caller's settings."""

import io
import logging

import numpy as np
import pytest
import structlog
from PIL import Image
from tests.support.own_settings import forget
from typer.testing import CliRunner

from streetveil import bootstrap
from streetveil.bootstrap import photos
from streetveil.cli.main import build_app
from streetveil.detection.base import Found, ModelIdentity, Scene
from streetveil.domain.detections import Detection, Detections, Label
from streetveil.domain.geometry import Box
from streetveil.jobs.anonymise import Anonymiser
from streetveil.redaction.pixels import PixelRedactor


class OneFaceOneCar:
    """Finds a face and a car in every picture."""

    def detect(self, pictures, queries):
        face = _found(Label.FACE, Box(10, 10, 20, 20), 0.9)
        car = _found(Label.CAR, Box(1, 1, 39, 29), 0.6)
        return [Scene(face if Label.FACE in query.labels else None, None, car) for query in queries]


def _found(label, box, score):
    return Found(Detections.of([Detection(label, box, score)]), ModelIdentity(label, "1", "ab"), margin=0.1)


@pytest.fixture(autouse=True)
def _logging_as_before():
    """Entry points set up logging for their process; this one is not theirs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def streetveil(tmp_path, monkeypatch):
    """Runs `streetveil ...` and gives what click's runner gives."""
    forget(monkeypatch)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("STREETVEIL_CACHE", str(tmp_path / "no-cache"))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(build_app(), [str(argument) for argument in arguments])


@pytest.fixture
def stub_models(streetveil, monkeypatch):
    """Lets the command find things without models, in this process; they are the acceptance tests' matter."""
    monkeypatch.setenv("ISOLATION", "none")
    for place in (bootstrap, photos):
        monkeypatch.setattr(
            place,
            "build_anonymiser",
            lambda settings, **_: Anonymiser(OneFaceOneCar(), PixelRedactor(), max_pixels=10**6),
        )


@pytest.fixture
def photo(tmp_path):
    """Writes a small photo below the current folder."""

    def put(name, content=None):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            encoded = io.BytesIO()
            noise = np.random.default_rng(1).integers(0, 255, (30, 40, 3), np.uint8)
            Image.fromarray(noise).save(encoded, "PNG")
            content = encoded.getvalue()
        path.write_bytes(content)
        return path

    return put
