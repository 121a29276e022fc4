"""`streetveil evaluate`: how many labelled faces, plates and vehicles are covered, and how many leak."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from streetveil import bootstrap
from streetveil.cli.figures import JsonFile, told_as_json
from streetveil.cli.photo_options import CarConfidence, FaceConfidence, PlateConfidence, ProfileOption, job_options
from streetveil.cli.progress import progress_bar
from streetveil.cli.quiet import quiet_settings
from streetveil.domain.detections import REDACTABLE, Label
from streetveil.errors import DatasetError
from streetveil.evaluation.dataset import Subset, read_dataset
from streetveil.evaluation.measure import VEHICLE, Report, Tally, measure, wilson


def evaluate(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="Folder with a dataset.yaml (YOLO labels), or that file.")
    ],
    profile: ProfileOption = None,
    classes: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help=f"Measure only these classes, with commas between: {', '.join(Label)}."),
    ] = None,
    face_confidence: FaceConfidence = None,
    plate_confidence: PlateConfidence = None,
    car_confidence: CarConfidence = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most N photos of each subset.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Measure on labelled photos how much of each object redaction covers.

    An object counts as covered [bold]whole[/bold] from 99.5 % of its labelled box on, and as
    [bold]missed[/bold] below 80 %: that share is the leak rate, given with its 95 % confidence
    interval. [bold]Stray[/bold] regions, counted a photo, lie on no labelled object. Vehicles are not
    redacted: for them the detected boxes count, and [bold]IoU .5[/bold] is how many were matched that
    well. Nothing is written but the figures.

    [bold]Example[/bold]: streetveil evaluate ../shared/data --profile accurate --json figures.json
    """
    settings = quiet_settings()
    wanted = _labels(classes)
    options = job_options(
        settings,
        # Vehicles are always looked for. Where they alone are measured, faces come along: something must.
        classes=",".join(wanted & REDACTABLE or {Label.FACE}),
        profile=profile,
        face_confidence=face_confidence,
        plate_confidence=plate_confidence,
        car_confidence=car_confidence,
    )
    subsets = _choose(read_dataset(dataset), wanted, limit)
    if not subsets:
        raise DatasetError(f"{dataset} labels none of {', '.join(sorted(wanted))}.")
    anonymiser = bootstrap.build_anonymiser(settings)
    errors = Console(stderr=True)
    with progress_bar(errors) as bar:
        task = bar.add_task("photos", total=sum(len(subset.images) for subset in subsets))
        report = measure(
            subsets, lambda data: anonymiser.detect(data, options), wanted, on_image=lambda: bar.advance(task)
        )
    figures = {"dataset": str(dataset), "profile": options.profile.value} | report.as_dict()
    if told_as_json(figures, json_file):
        return
    console = Console()
    console.print(as_table(report))
    console.print(
        f"{report.images} photos, profile {options.profile.value}: {report.images_per_second:.1f} photos a second."
    )


def _labels(names: str | None) -> frozenset[Label]:
    if names is None:
        return frozenset(Label)
    try:
        return frozenset(Label(name.strip()) for name in names.split(","))
    except ValueError:
        raise typer.BadParameter(f"classes must be some of {', '.join(Label)}, not {names[:80]!r}.") from None


def _choose(subsets: list[Subset], wanted: frozenset[Label], limit: int | None) -> list[Subset]:
    """The subsets that label something wanted, each shortened to photos spread evenly over it."""
    chosen = []
    for subset in subsets:
        if subset.labelled & wanted:
            step = max(1, -(-len(subset.images) // limit)) if limit else 1
            chosen.append(replace(subset, images=subset.images[::step]))
    return chosen


def as_table(report: Report) -> Table:
    """One row per subset and class; narrow enough for 80 columns."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("subset", "class"):
        table.add_column(heading, no_wrap=True)
    for heading in ("objects", "whole", ">80 %", "missed", "leaks", "95 %", "stray", "IoU .5"):
        table.add_column(heading, justify="right", no_wrap=True)
    for (subset, name), tally in report.tallies.items():
        counts = (tally.objects, tally.whole, tally.mostly, tally.missed)
        table.add_row(
            subset,
            name,
            *map(str, counts),
            *_leaks(tally),
            f"{tally.stray / tally.images:.2f}",
            str(tally.found) if name == VEHICLE else "",
        )
    return table


def _leaks(tally: Tally) -> tuple[str, str]:
    interval = wilson(tally.missed, tally.objects)
    if interval is None:
        return "-", "-"
    return f"{tally.missed / tally.objects:.1%}", f"{interval[0]:.1%}-{interval[1]:.1%}"
