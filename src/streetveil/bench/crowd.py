"""What a job costs while many others wait: in the table and in the queue."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from streetveil import bootstrap
from streetveil.bench.photos import PhotoSet, Uploads
from streetveil.bench.sample import Sample
from streetveil.bench.servers import refuse_used
from streetveil.bootstrap import Services
from streetveil.database.copies import add_copies
from streetveil.database.engine import sqlite_url
from streetveil.detection.base import Query, Scene
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import new_id, utc_now
from streetveil.domain.options import JobOptions, MetadataPolicy
from streetveil.errors import MeasurementError
from streetveil.imaging.picture import Picture
from streetveil.jobs.anonymise import Anonymiser
from streetveil.jobs.submit import Upload
from streetveil.redaction.base import RedactedFile, Region
from streetveil.settings import Settings

LAP = 20
_PATIENCE_S = 120
_NO_LIMIT = 10**9


class _Blind:
    """Finds nothing, at no cost."""

    def detect(self, pictures: Sequence[Picture], queries: Sequence[Query]) -> list[Scene]:
        return [Scene(None, None, None) for _ in zip(pictures, queries, strict=True)]


class _Idle:
    """Hands the original out again, at no cost. What is stored has the size that it would have."""

    def redact(self, picture: Picture, regions: Sequence[Region], metadata: MetadataPolicy) -> RedactedFile:  # noqa: ARG002
        return RedactedFile(picture.data, lossless=True)


@dataclass(slots=True, eq=False)
class Crowd:
    """Submits jobs and works on as many, with `waiting` others before them in table and queue. A `Work`.

    All that belongs to a job takes place, but looking at the photo: the original is stored, the row inserted, the
    id queued and taken, the row claimed, the result stored, the row completed.
    """

    name: str
    waiting: int
    services: Services
    uploads: Uploads
    threads: int = 1

    def run(self, laps: int) -> Sample:
        """`LAP` jobs a lap; as many wait afterwards as before.

        Raises:
            MeasurementError: the queue gave out no more jobs.
        """
        jobs = laps * LAP
        core, begin = time.process_time(), time.perf_counter()
        for _ in range(jobs):
            submit(self.services, next(self.uploads))
        end = _work(self.services, jobs)
        return Sample(jobs, jobs / (end.wall - begin), end.core - core)


@dataclass(slots=True)
class _End:
    wall: float = 0.0
    core: float = 0.0


def _work(services: Services, jobs: int) -> _End:
    """Works on that many of the queue's jobs, and says when the last one was done."""
    end, done, left = _End(), threading.Event(), iter(range(jobs))

    def handle(job_id: str) -> None:
        if (number := next(left, None)) is None:
            done.wait()
            services.queue.put(job_id)  # one too many
            return
        services.process(job_id)
        if number == jobs - 1:
            end.core, end.wall = time.process_time(), time.perf_counter()
            done.set()

    consumer = services.queue.consume(handle, threads=1)
    try:
        if not done.wait(_PATIENCE_S):
            raise MeasurementError(f"The queue did not give out {jobs} jobs in {_PATIENCE_S} s.")
    finally:
        # on Ctrl-C too: its folder is about to be removed, and nobody may write into it then
        done.set()
        consumer.stop(_PATIENCE_S)
    return end


def submit(services: Services, photo: bytes) -> str:
    """A photo comes in as it does over HTTP; the id of its job."""
    header = Picture.open(photo, max_pixels=_NO_LIMIT).header
    upload = Upload("photo.jpg", BytesIO(photo), len(photo), hashlib.sha256(photo).hexdigest(), header)
    return services.submit(upload, JobOptions(), tenant=DEFAULT_TENANT).id


def fill(services: Services, url: str, photo: bytes, count: int) -> None:
    """Lets `count` more jobs wait; they share one original."""
    template = services.inspect.job(submit(services, photo), tenant=DEFAULT_TENANT)
    now = utc_now()
    ids = [new_id(now) for _ in range(count - 1)]
    add_copies(url, template, ids)
    for job_id in ids:
        services.queue.put(job_id)


@contextmanager
def embedded(settings: Settings, photos: PhotoSet, folder: Path, waiting: int) -> Iterator[Crowd]:
    """In SQLite, files and a queue in this process, all in `folder`, with `waiting` jobs."""
    alone = settings.model_copy(update={"data_dir": folder, "database_url": None, "redis_url": None, "s3_bucket": None})
    with _services(alone) as services:
        fill(services, sqlite_url(folder / "streetveil.db"), photos.files[0], waiting)
        yield _crowd(services, photos, waiting)


def on_servers(settings: Settings, photos: PhotoSet, folder: Path, sizes: Sequence[int]) -> Iterator[Crowd]:
    """Over the servers that the settings name, one size after the other; each to be measured before the next.

    Raises:
        ConfigurationError: they are used: what is there may be somebody's.
    """
    settings = settings.model_copy(update={"data_dir": folder})
    refuse_used(settings)
    with _services(settings) as services:
        url = settings.database_url
        waiting = 0
        for size in sizes:
            fill(
                services,
                url.get_secret_value() if url else sqlite_url(folder / "streetveil.db"),
                photos.files[0],
                size - waiting,
            )
            waiting = size
            yield _crowd(services, photos, size)


def _services(settings: Settings) -> AbstractContextManager[Services]:
    stand_in = Anonymiser(_Blind(), _Idle(), max_pixels=_NO_LIMIT)
    return bootstrap.open_services(settings.model_copy(update={"max_queue_size": _NO_LIMIT}), stand_in)


def _crowd(services: Services, photos: PhotoSet, waiting: int) -> Crowd:
    return Crowd(f"one job beside {waiting} waiting", waiting, services, Uploads(photos))
