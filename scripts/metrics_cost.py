"""What counting costs: real jobs, and the calls that counted them made again some thousand times. Needs the models."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from streetveil import bootstrap
from streetveil.detection.models import BUS
from streetveil.detection.weights import ModelCache
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.measurements import Measurements
from streetveil.domain.options import JobOptions, Profile
from streetveil.imaging.header import read_header
from streetveil.isolation import measured
from streetveil.isolation.usage import ChildrenReadings
from streetveil.jobs.submit import Upload
from streetveil.observability import families
from streetveil.observability.metrics import Metrics
from streetveil.settings import Settings, load_settings

REPLAYS = 2000
SCRAPES = 50
COUNTING = (
    "uploaded", "ended", "retried", "stage", "photo", "storage_asked", "database_asked", "queue_asked",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--profile", type=Profile, default=Profile.FAST, help="the fastest shows the worst ratio")
    arguments = parser.parse_args()
    cache = load_settings().settings.streetveil_cache
    with tempfile.TemporaryDirectory() as folder:
        chosen = {"data_dir": folder, "num_workers": 1, "isolation": "process", "streetveil_cache": cache}
        settings = Settings.model_validate(chosen)
        metrics = bootstrap.build_metrics(settings, component="embedded")
        calls = recorded(metrics)
        job_s, scrape_s = cost_of_jobs(
            settings, metrics, ModelCache(cache).path(BUS), arguments.jobs, arguments.profile
        )
    for name in COUNTING:
        delattr(metrics, name)
    photos = [call.args[0] for call in calls if call.args and isinstance(call.args[0], Measurements)]
    calls += [metrics.request_began, partial(metrics.request_ended, "POST", "/upload", 202, 0.1)] * arguments.jobs
    counting_s = timed(lambda: [call() for call in calls], REPLAYS // arguments.jobs) / arguments.jobs
    carrying_s = timed(lambda: carried(photos[0]), REPLAYS)
    share = (counting_s + carrying_s) / job_s
    print(f"a job ({arguments.profile}):  {job_s * 1e3:8.1f} core ms")
    print(f"counting it:   {counting_s * 1e3:8.3f} core ms in {len(calls) / arguments.jobs:.0f} calls")
    print(f"carrying it:   {carrying_s * 1e3:8.3f} core ms out of the child process")
    print(f"in all:        {share:8.2%} of the job")
    print(f"a scrape:      {scrape_s * 1e3:8.1f} core ms; every 15 s {scrape_s / 15:.2%} of a core")


def recorded(metrics: Metrics) -> list[Callable[[], Any]]:
    """The calls that count, as they are made from now on."""
    calls: list[Any] = []

    def note(call: Callable[..., None], *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - whatever is passed
        calls.append(partial(call, *args, **kwargs))
        call(*args, **kwargs)

    for name in COUNTING:
        setattr(metrics, name, partial(note, getattr(metrics, name)))
    return calls


def cost_of_jobs(
    settings: Settings, metrics: Metrics, photo: Path, count: int, profile: Profile
) -> tuple[float, float]:
    """Processor seconds of one job, its upload and child process included; and of telling all metrics once."""
    data = photo.read_bytes()
    header = read_header(data, complete=True, max_pixels=settings.max_pixels)
    if header is None:
        raise SystemExit(f"{photo} is no whole photo")
    done: list[str] = []
    with (
        bootstrap.open_anonymiser(settings) as pool,
        bootstrap.open_services(settings, pool, metrics) as services,
    ):
        usage = ChildrenReadings(pool)  # type: ignore[arg-type] - that is what photos are isolated in

        def used() -> float:
            return time.process_time() + sum(r.value for r in usage() if r.family is families.CHILDREN_CPU)

        def work(job_id: str) -> None:
            services.process(job_id)
            done.append(job_id)

        before = used()
        for _ in range(count):
            upload = Upload("bus.jpg", io.BytesIO(data), len(data), hashlib.sha256(data).hexdigest(), header)
            services.submit(upload, JobOptions(profile=profile), tenant=DEFAULT_TENANT)
        consumer = services.queue.consume(work, threads=1)
        while len(done) < count:
            time.sleep(0.05)
        consumer.stop(10)
        return (used() - before) / count, timed(metrics.expose, SCRAPES)


def carried(photo: Measurements) -> Measurements:
    """What was measured, as it comes out of a child process."""
    return measured.read(json.loads(json.dumps(measured.as_dict(photo))))


def timed(act: Callable[[], object], times: int) -> float:
    """Processor seconds of doing it once."""
    started = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - started) / times


if __name__ == "__main__":
    main()
