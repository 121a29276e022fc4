"""`streetveil detect`: what is in photos, as JSON lines or drawn into copies."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from streetveil import bootstrap
from streetveil.cli.drawing import draw_boxes
from streetveil.cli.photo_options import (
    CarConfidence,
    Classes,
    FaceConfidence,
    PlateConfidence,
    ProfileOption,
    Sources,
    folder,
    job_options,
)
from streetveil.cli.quiet import quiet_settings
from streetveil.detection.base import Scene
from streetveil.domain.options import JobOptions
from streetveil.errors import StreetveilError
from streetveil.jobs.anonymise import Anonymiser
from streetveil.jobs.folder.files import find_photos, find_tasks, read_photo, write_result


def detect(
    sources: Sources,
    classes: Classes = None,
    profile: ProfileOption = None,
    face_confidence: FaceConfidence = None,
    plate_confidence: PlateConfidence = None,
    car_confidence: CarConfidence = None,
    draw: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=folder,
            help="Also write copies with the boxes drawn. These show every face: keep them.",
        ),
    ] = None,
) -> None:
    """Find faces, licence plates and vehicles without redacting anything.

    Prints one JSON object per photo: its size, and of each object the class, the score and the box
    (x1, y1, x2, y2 in pixels of the picture as a viewer shows it).

    [bold]Example[/bold]: streetveil detect photo.jpg | python3 -m json.tool
    """
    settings = quiet_settings()
    options = job_options(
        settings,
        classes=classes,
        profile=profile,
        face_confidence=face_confidence,
        plate_confidence=plate_confidence,
        car_confidence=car_confidence,
    )
    photos: list[tuple[Path, Path | None]] = (
        [(source, None) for source, _ in find_photos(sources)]
        if draw is None
        else [(task.source, task.target) for task in find_tasks(sources, draw, added_suffix=".png")]
    )
    anonymiser = bootstrap.build_anonymiser(settings)

    def examine(photo: tuple[Path, Path | None]) -> dict[str, Any]:
        source, drawing = photo
        return {"source": str(source)} | _detect_one(source, drawing, anonymiser, options)

    failed = 0
    with ThreadPoolExecutor(bootstrap.worker_threads(settings)) as pool:
        try:
            for line in pool.map(examine, photos):
                failed += "error" in line
                typer.echo(json.dumps(line))
        finally:  # Ctrl-C, or a reader like `head` that has enough
            pool.shutdown(cancel_futures=True)
    if failed:
        Console(stderr=True).print(f"{failed} of {len(photos)} photos could not be read.")
        raise typer.Exit(1)


def _detect_one(source: Path, drawing: Path | None, anonymiser: Anonymiser, options: JobOptions) -> dict[str, Any]:
    try:
        picture, scene, _ = anonymiser.detect(read_photo(source), options)
        if drawing is not None:
            write_result(drawing, draw_boxes(picture.pixels(), scene))
    except StreetveilError as error:
        return {"error": {"code": error.code, "detail": error.detail}}
    size = picture.header.upright
    return {"width": size.width, "height": size.height, "objects": _objects(scene)}


def _objects(scene: Scene) -> list[dict[str, Any]]:
    return [
        {
            "class": detection.label.value,
            "confidence": round(detection.score, 4),
            "box": [round(value, 1) for value in detection.box.as_tuple()],
        }
        for found in (scene.faces, scene.plates, scene.vehicles)
        if found is not None
        for detection in found.detections
    ]
