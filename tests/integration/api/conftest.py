"""The embedded service as `streetveil serve` wires it, with real storage, database, queue, workers and redaction.

Only the models are replaced: whoever looks for faces finds one at a fixed place, so that no weights are needed
and every test knows what has to be covered.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from streetveil import bootstrap
from streetveil.api.access import AccessPolicy
from streetveil.api.app import create_app
from streetveil.bootstrap import photos
from streetveil.cli import serve
from streetveil.detection.base import Found, ModelIdentity, Query, Scene
from streetveil.domain.detections import Detection, Detections, Label
from streetveil.domain.geometry import Box
from streetveil.imaging.picture import Picture
from streetveil.jobs.anonymise import Anonymiser
from streetveil.observability.tracing import Traces
from streetveil.redaction.pixels import PixelRedactor
from streetveil.settings import Settings

MODEL = ModelIdentity("fixed", "1", "0" * 64)
FACE = Box(40, 30, 80, 80)
BUS = Box(10, 10, 150, 110)


@dataclass
class FixedDetector:
    """Finds a face and a bus in every picture; waits while `gate` is closed."""

    gate: threading.Event = field(default_factory=threading.Event)

    def detect(self, pictures: Sequence[Picture], queries: Sequence[Query]) -> list[Scene]:
        self.gate.wait(30)
        return [self._scene(picture, query) for picture, query in zip(pictures, queries, strict=True)]

    def _scene(self, picture: Picture, query: Query) -> Scene:
        picture.pixels()  # as a real one, it needs them
        return Scene(
            faces=_found(Label.FACE, FACE) if Label.FACE in query.labels else None,
            plates=None,
            vehicles=_found(Label.BUS, BUS),
        )


def _found(label: Label, box: Box) -> Found:
    return Found(Detections.of([Detection(label, box, 0.9)]), MODEL, margin=0.1)


@dataclass
class Embedded:
    """A running embedded service."""

    app: FastAPI
    client: httpx.Client
    detector: FixedDetector
    data_dir: Path

    def upload(self, content: bytes, name: str = "street.jpg", **fields: str) -> str:
        response = self.client.post("/upload", files={"file": (name, content)}, data=fields)
        assert response.status_code == 202, response.text
        return cast("str", response.json()["job_id"])

    def finished(self, job_id: str) -> dict[str, Any]:
        """The status of a job once it is completed or failed."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            status = self.client.get(f"/status/{job_id}").raise_for_status().json()
            if status["status"] in {"completed", "failed"}:
                return cast("dict[str, Any]", status)
            time.sleep(0.01)
        raise AssertionError(f"job {job_id} does not finish")

    def files_of(self, job_id: str) -> list[Path]:
        return [path for path in (self.data_dir / "objects").rglob(f"*{job_id}*") if path.is_file()]


OpenEmbedded = Callable[..., Any]


@contextmanager
def _embedded(
    data_dir: Path, *, access: AccessPolicy | None = None, traces: Traces | None = None, **settings: object
) -> Iterator[Embedded]:
    detector = FixedDetector()
    detector.gate.set()
    chosen = Settings.model_validate({"data_dir": data_dir, "num_workers": 1, "isolation": "none", **settings})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            photos,
            "build_anonymiser",
            lambda settings, **_: Anonymiser(detector, PixelRedactor(), max_pixels=settings.max_pixels),
        )
        policy = access or AccessPolicy(authenticate=None)
        metrics = bootstrap.build_metrics(chosen, component="embedded")
        app = create_app(
            lambda: serve._running(chosen, metrics, traces),
            access=policy,
            version="1.2.3",
            metrics=metrics,
            traces=traces,
        )
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none", lifespan="on"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", verify=False) as client:
            yield Embedded(app, client, detector, data_dir)
    finally:
        detector.gate.set()
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def open_embedded() -> OpenEmbedded:
    """Starts a service of its own: `with open_embedded(folder, max_queue_size=2) as service`."""
    return _embedded


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """One service for all tests that need no settings of their own."""
    with _embedded(tmp_path_factory.mktemp("data")) as service:
        yield service
