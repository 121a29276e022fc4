"""Models that users bring themselves: Ultralytics exports, described by the metadata inside the file.

Ultralytics YOLO (v5u, v8, v11 and later, detect or segment) writes class names, task, image size and
stride into the ONNX file's `metadata_props`. Any other model is refused with the reason, at start-up
and not at the first photo.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from streetveil.detection.base import ModelIdentity
from streetveil.detection.decoders import decode_ultralytics
from streetveil.detection.detector import ModelDetector, Traits
from streetveil.detection.preprocess import InputSpec
from streetveil.detection.profiles import SAME_OBJECT_IOU, plans_for
from streetveil.detection.session import Session
from streetveil.domain.class_names import known_names, label_named
from streetveil.domain.detections import VEHICLES, Label
from streetveil.domain.geometry import Size
from streetveil.domain.measurements import Task
from streetveil.errors import CheckpointNotExportedError, ModelMissingError, UnsupportedModelError

DEFAULT_THRESHOLD = 0.8
"""Lowest score that counts where neither settings nor request name one, as documented for users' models."""

_DEFAULT_SIDE = 640
_PADDING = 114
_MARGINS: Mapping[Task, float] = {"faces": 0.15, "plates": 0.15, "vehicles": 0.0}

_CLASSES: Mapping[Task, frozenset[Label]] = {
    "faces": frozenset({Label.FACE}),
    "plates": frozenset({Label.LICENSE_PLATE}),
    "vehicles": VEHICLES,
}
_ONLY_CLASS: Mapping[Task, Label] = {"faces": Label.FACE, "plates": Label.LICENSE_PLATE, "vehicles": Label.CAR}


def load_user_model(path: Path, task: Task, *, threads: int = 1) -> ModelDetector:
    """Loads a user's own model for one task, and runs it once to see that its outputs are understood.

    Classes are matched by name; those of no use to the task are ignored. A model of a single class
    is taken at its word, whatever that class is called: the operator said what it finds.

    Raises:
        CheckpointNotExportedError: the file is a PyTorch checkpoint.
        ModelMissingError: there is no such file.
        UnsupportedModelError: it is no Ultralytics detection or segmentation model, or has no class for `task`.
        ModelError: it cannot be loaded or run.
    """
    if path.suffix.lower() in {".pt", ".pth"}:
        raise CheckpointNotExportedError(
            f'{path} is a PyTorch checkpoint. Export it once with `yolo export model="{path}" format=onnx '
            f"dynamic=True` (package ultralytics) and name the resulting {path.with_suffix('.onnx').name} instead."
        )
    if not path.is_file():
        raise ModelMissingError(f"There is no model file {path}.")
    if path.suffix.lower() != ".onnx":
        raise UnsupportedModelError(f"{path} is not an .onnx file.")
    session = Session(path, threads=threads)
    detector = ModelDetector(_traits(session, task), session)
    _try_out(detector, session)
    return detector


def _traits(session: Session, task: Task) -> Traits:
    metadata, name = session.metadata, session.path.name
    kind = metadata.get("task")
    if kind not in {"detect", "segment"}:
        found = f"its task is {kind!r}" if kind else "its metadata names no task"
        raise UnsupportedModelError(f"{name} is no Ultralytics detection or segmentation export: {found}.")
    shape = session.input.shape
    if len(shape) != 4 or shape[1] not in {3, None}:
        raise UnsupportedModelError(f"{name} takes input of shape {shape}, not (n, 3, height, width).")
    if shape[0] not in {1, None}:
        raise UnsupportedModelError(
            f"{name} takes {shape[0]} pictures at once; export it with batch=1 or dynamic=True."
        )
    dtype = session.input.dtype
    if dtype is not np.float32 and dtype is not np.float16:
        raise UnsupportedModelError(f"{name} takes pixels of another type than float32 or float16.")
    fixed = Size(shape[3], shape[2]) if shape[2] is not None and shape[3] is not None else None
    side = max(fixed or _sizes(metadata, name))
    return Traits(
        identity=_identity(session.path, metadata),
        labels=_labels(metadata, task, name),
        spec=InputSpec(
            stride=_number(metadata, "stride", 32, name),
            scale=1 / 255,
            pad_value=_PADDING,
            dtype=dtype,
            fixed=fixed,
        ),
        decode=decode_ultralytics,
        threshold=DEFAULT_THRESHOLD,
        # what is a vehicle and where a plate is looked for are two questions: the second is asked generously
        gate_threshold=0.1,
        margin=_MARGINS[task],
        plans=plans_for(task, side),
        iou=SAME_OBJECT_IOU[task],
        batch=1 if shape[0] == 1 else 8,
    )


def _labels(metadata: Mapping[str, str], task: Task, file: str) -> tuple[Label | None, ...]:
    names = _literal(metadata, "names", file)
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list) or not names or not all(isinstance(item, str) for item in names):
        raise UnsupportedModelError(f"{file} has no list of class names in its metadata.")
    wanted = _CLASSES[task]
    labels = tuple(label if (label := label_named(item)) in wanted else None for item in names)
    if len(names) == 1:
        return (labels[0] or _ONLY_CLASS[task],)
    if not any(labels):
        raise UnsupportedModelError(
            f"{file} has no class for {task}: it knows {', '.join(names)[:200]}; "
            f"understood are {', '.join(known_names(wanted))}."
        )
    return labels


def _sizes(metadata: Mapping[str, str], file: str) -> Size:
    value = _literal(metadata, "imgsz", file) if "imgsz" in metadata else _DEFAULT_SIDE
    sizes = [value] * 2 if isinstance(value, int) else value
    if (
        isinstance(sizes, list)
        and len(sizes) == 2
        and all(isinstance(item, int) and 32 <= item <= 8192 for item in sizes)
    ):
        return Size(sizes[1], sizes[0])
    raise UnsupportedModelError(f"{file} names an image size that makes no sense: {str(value)[:40]}.")


def _number(metadata: Mapping[str, str], key: str, default: int, file: str) -> int:
    value = _literal(metadata, key, file) if key in metadata else default
    if isinstance(value, int) and 1 <= value <= 256:
        return value
    raise UnsupportedModelError(f"{file} names a {key} that makes no sense: {str(value)[:40]}.")


def _literal(metadata: Mapping[str, str], key: str, file: str) -> object:
    try:
        return ast.literal_eval(metadata[key])
    except (KeyError, ValueError, SyntaxError, MemoryError, RecursionError):
        raise UnsupportedModelError(
            f"{file} has no readable {key!r} in its metadata, as Ultralytics writes it."
        ) from None


def _identity(path: Path, metadata: Mapping[str, str]) -> ModelIdentity:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ModelIdentity(path.name, metadata.get("version", "unknown"), digest)


def _try_out(detector: ModelDetector, session: Session) -> None:
    """One run on a black square: a shape that cannot be read shows now and not at the first photo."""
    traits = detector.traits
    size = traits.spec.fixed or Size(traits.spec.stride * 2, traits.spec.stride * 2)
    tensor = np.zeros((1, 3, size.height, size.width), traits.spec.dtype)
    thresholds = np.full(len(traits.labels), np.inf, np.float32)
    traits.decode(session.run(tensor), size, thresholds)
