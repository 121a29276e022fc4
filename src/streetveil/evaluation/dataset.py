"""Labelled photos on disk, in the layout that YOLO tools use.

A data set is a folder with a YAML file (`dataset.yaml`, `data.yaml` or the only one there), or that
file. Each picture `images/NAME.jpg` has its objects in `labels/NAME.txt`, one a line: class id, then
centre, width and height, or the corners of a polygon, all relative to the picture. The YAML says
which pictures there are in one of two ways:

- ours: `subsets`, a mapping from folder name to `{labelled: [class, ...]}`. A subset labels only those
  classes, so a detection of another class is neither right nor wrong there.
- Ultralytics': `path`, `train`, `val`, `test`; every class of `names` is labelled everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from streetveil.domain.class_names import label_named
from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box, Size
from streetveil.errors import DatasetError

_EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})
_YAML_NAMES = ("dataset.yaml", "data.yaml")
_SPLITS = ("train", "val", "test")
_MOST_YAML_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class LabelledObject:
    """One object; its box is relative to the picture (0..1)."""

    label: Label
    relative: Box

    def box(self, size: Size) -> Box:
        """In pixels of the upright picture."""
        x1, y1, x2, y2 = self.relative.as_tuple()
        return Box(x1 * size.width, y1 * size.height, x2 * size.width, y2 * size.height)


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One photo and what is in it."""

    path: Path
    objects: tuple[LabelledObject, ...]


@dataclass(frozen=True, slots=True)
class Subset:
    """Photos on which the same classes are labelled."""

    name: str
    labelled: frozenset[Label]
    images: tuple[LabelledImage, ...]


def read_dataset(path: Path) -> list[Subset]:
    """All subsets of a data set, with their labels, without opening a picture.

    Raises:
        DatasetError: a file is missing or broken; the message says which and where.
    """
    file = _yaml_file(path)
    content = _read_yaml(file)
    names = _names(content, file)
    if "subsets" in content:
        subsets = list(_own_subsets(content["subsets"], names, file))
    else:
        subsets = list(_splits(content, names, file))
    if not subsets:
        raise DatasetError(f"{file} names no pictures: it needs `subsets`, or `train`, `val` or `test`.")
    return subsets


def _yaml_file(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise DatasetError(f"There is no data set {path}.")
    for name in _YAML_NAMES:
        if (path / name).is_file():
            return path / name
    others = sorted((*path.glob("*.yaml"), *path.glob("*.yml")))
    if len(others) != 1:
        raise DatasetError(f"{path} has no {_YAML_NAMES[0]} (nor exactly one other .yaml file).")
    return others[0]


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _MOST_YAML_BYTES:
            raise DatasetError(f"{file} is too large for the description of a data set.")
        content = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise DatasetError(f"{file} cannot be read: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(content, dict):
        raise DatasetError(f"{file} is not a YAML mapping.")
    return content


def _names(content: dict[str, Any], file: Path) -> list[Label | None]:
    """Our class of each class id; None for one that is not ours."""
    names = content.get("names")
    if isinstance(names, dict) and sorted(names, key=str) == sorted(range(len(names)), key=str):
        names = [names[index] for index in range(len(names))]
    if not isinstance(names, list) or not names:
        raise DatasetError(f"{file} has no `names`: a list of the class names, in the order of their ids.")
    return [label_named(str(name)) for name in names]


def _own_subsets(subsets: object, names: list[Label | None], file: Path) -> Iterator[Subset]:
    if not isinstance(subsets, dict):
        raise DatasetError(f"`subsets` in {file} is not a mapping.")
    for name, about in subsets.items():
        wanted = about.get("labelled") if isinstance(about, dict) else None
        labelled = [label_named(str(item)) for item in wanted] if isinstance(wanted, list) else []
        known = frozenset(label for label in labelled if label is not None)
        if not known or None in labelled:
            raise DatasetError(
                f"Subset {name!r} in {file} needs `labelled`: a list of classes among {', '.join(Label)}."
            )
        yield Subset(str(name), known, _images(file.parent / str(name) / "images", names))


def _splits(content: dict[str, Any], names: list[Label | None], file: Path) -> Iterator[Subset]:
    labelled = frozenset(label for label in names if label is not None)
    if not labelled:
        raise DatasetError(f"{file} labels no class among {', '.join(Label)}.")
    root = file.parent / str(content.get("path") or ".")
    if not root.is_dir():
        root = file.parent  # Ultralytics resolves `path` against a folder of its own settings; the file's is next best
    for split in _SPLITS:
        folders = content.get(split)
        if not folders:
            continue
        images: list[LabelledImage] = []
        for folder in folders if isinstance(folders, list) else [folders]:
            images += _images(root / str(folder), names)
        yield Subset(split, labelled, tuple(images))


def _images(folder: Path, names: list[Label | None]) -> tuple[LabelledImage, ...]:
    if not folder.is_dir():
        raise DatasetError(f"There is no folder {folder}.")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _EXTENSIONS and path.is_file())
    if not paths:
        raise DatasetError(f"{folder} holds no pictures.")
    labels = [_labels_path(path) for path in paths]
    if not any(path.is_file() for path in labels):
        raise DatasetError(f"No picture in {folder} has labels; those of {paths[0].name} should be in {labels[0]}.")
    return tuple(LabelledImage(path, _read_labels(label, names)) for path, label in zip(paths, labels, strict=True))


def _labels_path(image: Path) -> Path:
    """The same path with the last folder called `images` replaced by `labels`."""
    parts = list(image.parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == "images":
            parts[index] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _read_labels(path: Path, names: list[Label | None]) -> tuple[LabelledObject, ...]:
    if not path.is_file():
        return ()  # a picture without objects, as YOLO tools have it
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    objects = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            label, box = _read_object(line, names, f"{path}, line {number}")
            if label is not None:
                objects.append(LabelledObject(label, box))
    return tuple(objects)


def _read_object(line: str, names: list[Label | None], where: str) -> tuple[Label | None, Box]:
    fields = line.split()
    try:
        index, *numbers = int(fields[0]), *map(float, fields[1:])
    except ValueError:
        raise DatasetError(f"{where}: {line[:60]!r} is not a class id and numbers.") from None
    if not 0 <= index < len(names):
        raise DatasetError(f"{where}: class {index} is not among the {len(names)} names.")
    if len(numbers) != 4 and (len(numbers) < 6 or len(numbers) % 2):
        raise DatasetError(f"{where}: {len(numbers)} numbers are neither a box (4) nor a polygon (6, 8, ...).")
    if not all(math.isfinite(value) and -0.01 <= value <= 1.01 for value in numbers):
        raise DatasetError(f"{where}: coordinates must be relative to the picture, from 0 to 1.")
    if len(numbers) == 4:
        x, y, width, height = numbers
        corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    else:
        corners = (min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2]))
    box = Box(*corners) if corners[0] < corners[2] and corners[1] < corners[3] else None
    inside = box.clipped(Size(1, 1)) if box else None
    if inside is None:
        raise DatasetError(f"{where}: the box has no area inside the picture.")
    return names[index], inside
