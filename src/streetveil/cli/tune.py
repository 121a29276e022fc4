"""`streetveil models tune`: finds the fastest way to run each model on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table

from streetveil.detection.models import MODELS, SAMPLES
from streetveil.detection.selftest import Trial, Verdict, tune
from streetveil.detection.tuning import Machine, Tuning
from streetveil.detection.weights import ModelCache
from streetveil.domain.geometry import Size
from streetveil.imaging.picture import Picture
from streetveil.jobs.folder.files import find_photos, read_photo
from streetveil.settings import load_settings

_MOST_PHOTOS = 8
_ENOUGH = Size(1280, 720)


def tune_models(
    context: typer.Context,
    *,
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help=f"Try the models on your own photos too: {_MOST_PHOTOS} out of this folder."),
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Forget what was chosen, and run the models as fetched.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Find the fastest way to run each model on this machine's processor, and use it from now on. Takes a minute.

    On processors with instructions for whole numbers of eight bits (VNNI, AMX) the face and the plate model run twice
    as fast in those. They are made here from the model and the sample photos, and picked only where they find
    everything that the model itself clearly finds on those, and nothing else. Times are processor time of one core; one
    run uses one core, because that serves most photos a second.

    The choice is kept in the model cache for this processor and this version of ONNX Runtime, and read when
    the models are loaded: restart what is running. Anywhere else, and on GPUs, the models run as fetched.
    """
    cache: ModelCache = context.obj
    tuning = Tuning(cache, Machine.this())
    errors = Console(stderr=True)
    if reset:
        errors.print("Forgotten." if tuning.forget() else "Nothing was chosen.")
        return
    photos = _samples(cache) + (_own(images) if images is not None else [])
    with errors.status("") as status:
        verdicts = tune(cache, tuning, MODELS, photos, status.update)
    if as_json:
        typer.echo(json.dumps(as_dict(tuning, verdicts), indent=2))
    else:
        Console().print(as_table(verdicts))


def as_dict(tuning: Tuning, verdicts: list[Verdict]) -> dict[str, Any]:
    """The figures as plain JSON values."""
    return {
        "processor": tuning.machine.processor,
        "runtime": tuning.machine.runtime,
        "folder": str(tuning.folder),
        "models": [
            {
                "name": verdict.card.name,
                "picked": verdict.picked,
                "variants": [
                    {
                        "variant": trial.variant,
                        "ms": None if trial.milliseconds is None else round(trial.milliseconds, 3),
                        "found": trial.found,
                        "expected": trial.expected,
                        "extra": trial.extra,
                        "mean_iou": None if trial.mean_iou is None else round(trial.mean_iou, 4),
                        "problem": trial.problem,
                    }
                    for trial in verdict.trials
                ],
            }
            for verdict in verdicts
        ],
    }


def as_table(verdicts: list[Verdict]) -> Table:
    """One row per model and variant; narrow enough for 80 columns."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("model", "variant", "core ms", "found", "overlap", ""):
        table.add_column(heading, justify="right" if heading in {"core ms", "found", "overlap"} else "left")
    for verdict in verdicts:
        for trial in verdict.trials:
            table.add_row(verdict.card.name, trial.variant, *_figures(trial), _remark(verdict, trial))
    return table


def _figures(trial: Trial) -> tuple[str, str, str]:
    return (
        "-" if trial.milliseconds is None else f"{trial.milliseconds:.1f}",
        f"{trial.found}/{trial.expected}" if trial.expected else "",
        "" if trial.mean_iou is None else f"{trial.mean_iou:.0%}",
    )


def _remark(verdict: Verdict, trial: Trial) -> str:
    return trial.problem or ("[bold]picked[/bold]" if trial.variant == verdict.picked else "")


def _samples(cache: ModelCache) -> list[npt.NDArray[np.uint8]]:
    return [_pixels(cache.path(card).read_bytes()) for card in SAMPLES]


def _own(folder: Path) -> list[npt.NDArray[np.uint8]]:
    """Photos spread evenly over a folder."""
    paths = sorted(path for path, _ in find_photos([folder]))
    step = max(1, -(-len(paths) // _MOST_PHOTOS))
    return [_pixels(read_photo(path)) for path in paths[::step]]


def _pixels(data: bytes) -> npt.NDArray[np.uint8]:
    picture = Picture.open(data, max_pixels=load_settings().settings.max_pixels)
    return picture.pixels(_ENOUGH)
