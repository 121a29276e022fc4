"""What `streetveil models tune` found out about this machine, kept beside the models.

    ROOT/tuned/5f0c2a91d3e4/                 one folder per processor and version of ONNX Runtime
        choice.json                          which variant of each model runs, what it is made from, and the times
        platedet-int8-09ab34cd.onnx          a variant that was made here

A choice counts only where everything is as it was when it was made: the processor, ONNX Runtime, the converted model,
and the variant's own bytes. Anything else is ignored, and the model as converted runs.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from streetveil.detection.files import digest, flush_folder, flush_tree, size
from streetveil.detection.models import ModelCard
from streetveil.detection.weights import ModelCache
from streetveil.errors import ModelMissingError

_FORMAT = 1
"""Of `choice.json` and of how variants are made; raise it and every machine's choice is forgotten."""
_CHOICE = "choice.json"
_FACTS = (
    "vendor_id",
    "cpu family",
    "model",
    "model name",
    "stepping",
    "flags",
    "CPU implementer",
    "CPU part",
    "Features",
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What a choice depends on, besides the model."""

    processor: str
    runtime: str

    @property
    def key(self) -> str:
        return hashlib.sha256(f"{_FORMAT}\n{self.processor}\n{self.runtime}".encode()).hexdigest()[:12]

    @classmethod
    def this(cls) -> Machine:
        """The machine that this process runs on. Processors that differ in instructions are different ones."""
        try:
            text = Path("/proc/cpuinfo").read_text("utf-8")
        except OSError:
            text = ""
        facts: dict[str, str] = {}
        for line in text.splitlines():
            name, _, value = line.partition(":")
            if name.strip() in _FACTS:
                facts.setdefault(name.strip(), value.strip())
        name = facts.get("model name") or platform.processor() or platform.machine()
        detail = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]
        return cls(f"{name} ({detail})", _runtime())


@dataclass(frozen=True, slots=True)
class Chosen:
    """The variant of one model that runs on a machine.

    Attributes:
        model: the converted model that it was compared with, as `model_id` names it.
        variant: `float32`, the model as converted, or another one's name.
        file: the variant's file, None for `float32`; `sha256` is its digest.
        milliseconds: time of one run of each variant that was tried.
    """

    model: str
    variant: str
    file: str | None
    sha256: str | None
    milliseconds: Mapping[str, float]


def model_id(card: ModelCard) -> str:
    """Names a converted model: another converter or other weights are another model."""
    return f"{card.converter}:{card.sha256}"


class Tuning:
    """The choices made for one machine in one model cache."""

    def __init__(self, cache: ModelCache, machine: Machine) -> None:
        self.machine = machine
        self._cache = cache

    @property
    def folder(self) -> Path:
        return self._cache.root / "tuned" / self.machine.key

    def path(self, card: ModelCard) -> Path:
        """The file to run on this machine's CPU: the chosen variant, or else the model as converted.

        Raises:
            ModelMissingError: the model is not in the cache.
        """
        converted = self._cache.path(card)
        chosen = self.chosen(card)
        return converted if chosen is None or chosen.file is None else self.folder / chosen.file

    def chosen(self, card: ModelCard) -> Chosen | None:
        """What was chosen; None where nothing was, or it no longer holds."""
        try:
            content = json.loads((self.folder / _CHOICE).read_bytes())
            if content["machine"] != asdict(self.machine):
                return None
            chosen = Chosen(**content["models"][card.name])
            if chosen.model != model_id(card):
                return None
            if chosen.file is not None and not self._is_whole(chosen.file, chosen.sha256):
                return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # never tuned, or by a version that wrote it otherwise
        return chosen

    def keep(self, choices: Sequence[tuple[ModelCard, Chosen]], made: Path) -> None:
        """Replace what was chosen before. The variants' files stand in the folder `made`, and are taken out of it.

        Raises:
            ModelMissingError: the cache cannot be written.
        """
        content: dict[str, Any] = {
            "machine": asdict(self.machine),
            "models": {card.name: asdict(chosen) for card, chosen in choices},
        }
        (made / _CHOICE).write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        flush_tree(made)
        names = [chosen.file for _, chosen in choices if chosen.file is not None]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in [*names, _CHOICE]:  # the choice last: what it names is there
                (made / name).replace(self.folder / name)
            flush_folder(self.folder)
        except OSError as error:
            raise self._unwritable(error) from error

    def scratch(self) -> tempfile.TemporaryDirectory[str]:
        """A folder for making variants, on the cache's file system.

        Raises:
            ModelMissingError: the cache cannot be written.
        """
        parent = self._cache.root / "tuned"
        try:
            parent.mkdir(parents=True, exist_ok=True)
            return tempfile.TemporaryDirectory(prefix=".making-", dir=parent, ignore_cleanup_errors=True)
        except OSError as error:
            raise self._unwritable(error) from error

    def forget(self) -> bool:
        """Run the models as converted again; False where nothing was chosen.

        Raises:
            ModelMissingError: the cache cannot be written.
        """
        try:
            with suppress(FileNotFoundError):
                (self.folder / _CHOICE).unlink()
                shutil.rmtree(self.folder, ignore_errors=True)
                return True
        except OSError as error:
            raise self._unwritable(error) from error
        return False

    def _is_whole(self, name: str, expected: str | None) -> bool:
        path = self.folder / name
        return Path(name).name == name and size(path) is not None and digest(path) == expected

    def _unwritable(self, error: OSError) -> ModelMissingError:
        return ModelMissingError(f"The model cache {self._cache.root} cannot be written: {error}")


def _runtime() -> str:
    for name in ("onnxruntime", "onnxruntime-gpu"):
        with suppress(metadata.PackageNotFoundError):
            return f"{name} {metadata.version(name)}"
    return "onnxruntime of another package"
