"""`streetveil redact`: files and folders in, redacted files out."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.markup import escape

from streetveil import bootstrap
from streetveil.cli.photo_options import (
    CarConfidence,
    Classes,
    FaceConfidence,
    Metadata,
    PlateConfidence,
    ProfileOption,
    Sources,
    StyleOption,
    folder,
    job_options,
    named,
)
from streetveil.cli.progress import progress_bar
from streetveil.cli.quiet import quiet_settings
from streetveil.cli.signals import handled
from streetveil.cli.text import visible
from streetveil.domain.job import JobFailure
from streetveil.errors import UnwritableOutputError
from streetveil.jobs.anonymise import Anonymised
from streetveil.jobs.folder.files import FileTask, find_tasks
from streetveil.jobs.folder.manifest import Manifest
from streetveil.jobs.folder.run import FileOutcome, FileStatus, FolderRun
from streetveil.jobs.regions import regions_in
from streetveil.redaction.masks import MaskKind, mask_png

_SHOWN_FAILURES = 20


def redact(
    sources: Sources,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", parser=folder, help="Folder for the redacted photos.")
    ],
    classes: Classes = None,
    style: StyleOption = None,
    profile: ProfileOption = None,
    metadata: Metadata = None,
    face_confidence: FaceConfidence = None,
    plate_confidence: PlateConfidence = None,
    car_confidence: CarConfidence = None,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=0, max=256, help="Photos worked on at once; 0: one per core.")
    ] = 0,
    force: Annotated[bool, typer.Option("--force", help="Redact again what is done already.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=named, help="Append one JSON line per photo: regions, vehicles, errors."),
    ] = None,
    mask: Annotated[
        MaskKind | None, typer.Option(help="Write NAME.mask.png beside each result: where it was redacted.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be done.")] = False,
) -> None:
    """Blur faces and licence plates in photos.

    Folders are searched through and their tree is mirrored in the output folder; the originals are never
    touched. What is done already is skipped, so a run that was stopped is continued by starting it again.
    A photo that cannot be redacted has no output.

    [bold]Examples[/bold]

      streetveil redact photos/ --output redacted/

      streetveil redact a.jpg b.png -o redacted/ --style solid --classes face

    [bold]Exit codes[/bold]: 0 all done; 1 some photos failed; 2 wrong usage; 3 nothing could be done; 130 interrupted.
    """
    settings = quiet_settings()
    options = job_options(
        settings,
        classes=classes,
        style=style,
        profile=profile,
        metadata=metadata,
        face_confidence=face_confidence,
        plate_confidence=plate_confidence,
        car_confidence=car_confidence,
    )
    console = Console(stderr=True)
    others: Counter[str] = Counter()
    tasks = find_tasks(sources, output, mask_suffix=None if mask is None else ".mask.png", passed_over=others)
    if others:
        console.print(f"Passed over, as no such picture can be redacted: {_kinds(others)}.", highlight=False)
    variant = bootstrap.results_variant(settings) + ("" if mask is None else f" {mask.value} mask")
    todo, done = (tasks, []) if force else Manifest(output, options, variant).split(tasks)
    if dry_run:
        _list_plan(todo, done)
        return
    if not tasks:
        console.print("No photos found: looked for .jpg, .png, .webp, .tif and .bmp files.")
        return
    if not todo:
        _summarise(_Tally(), len(done), 0, output, console)
        return
    threads = min(jobs or bootstrap.worker_threads(settings), len(todo))
    with bootstrap.open_anonymiser(settings, vehicles=report is not None, threads=threads) as anonymise:
        run = FolderRun(
            anonymise,
            options=options,
            output=output,
            variant=variant,
            threads=threads,
            force=force,
            mask=None if mask is None else partial(_mask, mask),
        )
        tally, interrupted = _work(run, todo, report, console)
    _summarise(tally, len(done), len(todo), output, console)
    if interrupted:
        raise typer.Exit(130)
    if tally.counts[FileStatus.FAILED]:
        raise typer.Exit(1)


@dataclass
class _Tally:
    """What the summary tells of all photos; of a million photos it is as small as of one."""

    counts: Counter[FileStatus] = field(default_factory=Counter)
    faces: int = 0
    plates: int = 0
    failed: list[tuple[Path, JobFailure]] = field(default_factory=list)  # the first of them

    def add(self, outcome: FileOutcome) -> None:
        self.counts[outcome.status] += 1
        if outcome.blur_metadata is not None:
            self.faces += outcome.blur_metadata["faces_blurred"]
            self.plates += outcome.blur_metadata["plates_blurred"]
        if outcome.failure is not None and len(self.failed) < _SHOWN_FAILURES:
            self.failed.append((outcome.task.source, outcome.failure))


def _work(run: FolderRun, todo: list[FileTask], report: Path | None, console: Console) -> tuple[_Tally, bool]:
    tally = _Tally()
    with _report(report) as tell, progress_bar(console) as progress, _stop_on_signals(run.stop) as interrupted:
        bar = progress.add_task("Redacting", total=len(todo))
        for outcome in run(todo):
            tell(outcome)
            tally.add(outcome)
            progress.advance(bar)
        return tally, interrupted()


def _kinds(counted: Counter[str]) -> str:
    return ", ".join(f"{number} {ending}" for ending, number in sorted(counted.items()))


def _mask(kind: MaskKind, result: Anonymised) -> bytes:
    return b"".join(mask_png(regions_in(result.blur_metadata), result.header.upright, kind))


def _list_plan(todo: list[FileTask], done: list[FileTask]) -> None:
    for task in todo:
        typer.echo(f"would redact {visible(task.source)} -> {visible(task.target)}")
    for task in done:
        typer.echo(f"would skip   {visible(task.source)}: done already")
    typer.echo(f"{len(todo)} to redact, {len(done)} done already.")


def _summarise(tally: _Tally, done: int, todo: int, output: Path, console: Console) -> None:
    failures = tally.counts[FileStatus.FAILED]
    for source, failure in tally.failed:
        console.print(
            f"[red]failed[/red] {escape(visible(source))}: {escape(visible(failure.detail))} ({failure.code})",
            highlight=False,
            soft_wrap=True,
        )
    if failures > len(tally.failed):
        console.print(f"... and {failures - len(tally.failed)} more; --report FILE lists them all.")
    left = todo - tally.counts.total()
    console.print(
        f"{tally.counts[FileStatus.REDACTED]} redacted ({_counted(tally.faces, 'face')}, "
        f"{_counted(tally.plates, 'licence plate')}), "
        f"{done + tally.counts[FileStatus.SKIPPED]} done already, {failures} failed"
        + (f", {left} left: run the same command again to continue" if left else "")
        + f". Results are in {escape(visible(output))}.",
        highlight=False,
        soft_wrap=True,
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@contextmanager
def _report(path: Path | None) -> Iterator[Callable[[FileOutcome], None]]:
    if path is None:
        yield lambda _: None
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise UnwritableOutputError(f"The report {path} cannot be written: {error.strerror}.") from error
    try:
        yield partial(_append, file)
    finally:
        with suppress(OSError):  # each line was flushed, or its failure told: closing only fails with it again
            file.close()


def _append(file: TextIO, outcome: FileOutcome) -> None:
    try:
        file.write(json.dumps(outcome.as_dict()) + "\n")
        file.flush()
    except OSError as error:
        raise UnwritableOutputError(f"The report {file.name} cannot be written: {error.strerror}.") from error


@contextmanager
def _stop_on_signals(stop: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """The first SIGINT or SIGTERM lets running photos finish; a second SIGINT ends the run at once."""
    received: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    with handled(handle):
        yield lambda: bool(received)
