"""`streetveil bench`: what the product costs on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from typer.core import TyperGroup

from streetveil import bootstrap
from streetveil.bench import run
from streetveil.bench.inside import Inside
from streetveil.bench.machine import cores, load_average, machine
from streetveil.bench.photos import PhotoSet, from_folder, from_samples
from streetveil.bench.plan import Plan, Section
from streetveil.bench.processes import ended_in_order
from streetveil.bench.report import Report
from streetveil.bench.surroundings import of_the_work
from streetveil.cli.bench_redaction import redaction
from streetveil.cli.bench_tables import show
from streetveil.cli.figures import JsonFile, told_as_json
from streetveil.cli.photo_options import Classes, ProfileOption, job_options
from streetveil.detection.models import SAMPLES
from streetveil.detection.weights import ModelCache
from streetveil.domain.options import JobOptions
from streetveil.observability.logs import configure_logging
from streetveil.redaction.redactor import FileRedactor
from streetveil.settings import LoadedSettings, Settings, load_settings

_ABOUT = {
    Section.MODELS: "Each model alone, by photos in hand and by cores per run.",
    Section.SERVICE: "API, queue, workers and storage over sockets, against the models alone; memory, time to start.",
    Section.GROWTH: "How cost grows with waiting jobs, regions, megapixels and pictures in one run of a model.",
    Section.JOB: "The whole job of a photo in one process, its decoding and its redaction, against the models alone.",
}
_EVERYTHING = "all"
_WIDTH = 120
_JOBS = (1_000, 10_000, 100_000)

More = Annotated[list[Section] | None, typer.Argument(metavar="[SECTION]...", help="Further sections.")]
Seconds = Annotated[
    float, typer.Option("--seconds", "-s", min=1, max=86400, help="About how long the rounds of measuring take.")
]
Rounds = Annotated[int, typer.Option(min=1, max=1000, help="Rounds in which all kinds of work take turns.")]
Threads = Annotated[
    list[int] | None,
    typer.Option("--threads", "-t", min=1, max=256, help="Photos in hand at once; may be repeated. [1 and the cores]"),
]
Images = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Measure on up to eight JPEG files of this folder. [the samples at 1920x1080]"),
]
Jobs = Annotated[
    list[int] | None,
    typer.Option(min=1, max=10_000_000, help="Jobs that wait, for growth; may be repeated. [1000, 10000 and 100000]"),
]
Servers = Annotated[
    bool,
    typer.Option(
        "--servers",
        help="Measure the service over REDIS_URL, DATABASE_URL and S3_BUCKET too, each where it is set. They must be "
        "empty, and are not emptied; load-tests/bench_servers.py starts such.",
    ),
]


class _Sections(TyperGroup):
    """Measures everything where no section is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's own, whose types are private
        helped = set(args) & {"-h", "--help"}
        if not args or (args[0].startswith("-") and not helped):
            args = [_EVERYTHING, *args]
        return super().parse_args(ctx, args)


def build_app() -> typer.Typer:
    """The sections below `streetveil bench`."""
    app = typer.Typer(cls=_Sections, help=_group.__doc__)
    app.callback()(_group)
    app.command(_EVERYTHING, help="All of the following, which is what happens where none is named.")(_verb(*Section))
    for section in Section:
        app.command(section, help=_ABOUT[section])(_verb(section))
    app.command("redaction")(redaction)
    return app


def _group() -> None:
    """Measure what the parts cost on this machine.

    Name one section or several, as in [bold]streetveil bench models job --seconds 30[/bold]; with none, all are
    measured, for about two minutes. Kinds of work take turns in rounds, so that a busy machine slows all of them
    alike: ratios are what to keep. [bold]core ms[/bold] is processor time for one photo.
    """


def _verb(*sections: Section) -> Callable[..., None]:
    def bench(
        more: More = None,
        seconds: Seconds = 60,
        rounds: Rounds = 5,
        threads: Threads = None,
        images: Images = None,
        profile: ProfileOption = None,
        classes: Classes = None,
        jobs: Jobs = None,
        servers: Servers = False,
        json_file: JsonFile = None,
    ) -> None:
        loaded = of_the_work(load_settings())
        configure_logging("WARNING", loaded.settings.log_format)
        plan = Plan(
            sections=[section for section in Section if section in {*sections, *(more or ())}],
            seconds=seconds,
            rounds=rounds,
            threads=sorted(set(threads or (1, cores()))),
            jobs=sorted(set(jobs or _JOBS)),
            servers=servers,
        )
        with ended_in_order(), TemporaryDirectory(prefix="streetveil-bench-") as folder:
            options = job_options(loaded.settings, profile=profile, classes=classes)
            report = _measured(plan, loaded, images, options, Path(folder))
        if not told_as_json(report.as_dict(), json_file):
            show(report, Console() if sys.stdout.isatty() else Console(width=_WIDTH))

    return bench


def _measured(plan: Plan, loaded: LoadedSettings, images: Path | None, options: JobOptions, folder: Path) -> Report:
    settings = loaded.settings
    report = Report(machine())
    photos = _photos(settings, images)
    with _bar(Console(stderr=True)) as bar, ExitStack() as stack:
        task = bar.add_task("loading the models", total=None)
        parts = Inside(bootstrap.build_anonymiser(settings), FileRedactor(), photos, options)
        report.photos = {"source": photos.source} | parts.as_dict()
        report.profile = options.profile
        report.classes = sorted(options.classes)
        report.tuned = bootstrap.tuned_models(settings)
        bar.update(task, description="starting the service")
        running = run.start(plan, loaded, photos, options, folder, stack)

        def on_step(text: str, total: int) -> None:
            done = bar.tasks[task].completed if bar.tasks[task].total else -1
            bar.update(task, description=text, total=total or None, completed=done + 1)

        report.series = run.measure(plan, parts, running, on_step)
        report.services = [service.as_dict() for service in running]
        stack.close()
        bar.reset(task, total=None)
        report.growth = run.grow(plan, parts, settings, photos, folder, on_step)
    report.ratios = run.ratios(report.series)
    report.breakdown = run.breakdown(report.series)
    report.machine = {**report.machine, "load_average_after": load_average()}
    return report


def _photos(settings: Settings, images: Path | None) -> PhotoSet:
    if images is not None:
        return from_folder(images)
    cache = ModelCache(settings.streetveil_cache)
    return from_samples([cache.path(sample) for sample in SAMPLES])


def _bar(console: Console) -> Progress:
    return Progress(BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"), console=console, transient=True)
