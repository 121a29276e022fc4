"""Which outputs of a folder are done, and from what they were made."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable
from pathlib import Path

import structlog

from streetveil.domain.options import JobOptions
from streetveil.errors import UnreadableFileError, UnwritableOutputError
from streetveil.jobs.folder.files import FileTask

MANIFEST_NAME = ".streetveil-manifest.jsonl"

log = structlog.get_logger(__name__)


class Manifest:
    """Which outputs were made, from which state of the source and with which options; one JSON line each.

    Lines are only ever appended, and the last one for a name counts. A line cut off by a kill is no line.

    Args:
        output: the output folder.
        options: of the run; what was made with others is not done.
        variant: names whatever else decides the results, as models and thresholds do.

    Raises:
        UnreadableFileError: there is a manifest that cannot be read.
    """

    def __init__(self, output: Path, options: JobOptions, variant: str) -> None:
        self._path = output / MANIFEST_NAME
        made_with = json.dumps([options.as_dict(), variant], sort_keys=True)
        self._made_with = hashlib.sha256(made_with.encode()).hexdigest()[:16]
        self._lock = threading.Lock()
        self._made: dict[str, object] = {}
        self._torn = False
        self._read()

    def _read(self) -> None:
        line = b"\n"
        try:
            with self._path.open("rb") as file:
                for line in file:
                    try:
                        entry = json.loads(line)
                        self._made[entry["name"]] = entry["made_from"]
                    except (ValueError, KeyError, TypeError):
                        log.warning("manifest_line_ignored", length=len(line))
        except FileNotFoundError:
            return
        except OSError as error:
            raise UnreadableFileError(f"{self._path} cannot be read: {error.strerror}.") from error
        self._torn = not line.endswith(b"\n")

    def split(self, tasks: Iterable[FileTask]) -> tuple[list[FileTask], list[FileTask]]:
        """The tasks that are to be done, and those that are done already."""
        todo: list[FileTask] = []
        done: list[FileTask] = []
        for task in tasks:
            (done if self.is_done(task) else todo).append(task)
        return todo, done

    def is_done(self, task: FileTask) -> bool:
        """True where all outputs exist and were made from the source as it is now."""
        try:
            return all(path.is_file() for path in task.outputs) and self._made.get(task.name) == self.state_of(
                task.source
            )
        except UnreadableFileError:
            return False

    def record(self, task: FileTask, state: object) -> None:
        """Remembers that the output was made from `state` of the source.

        Raises:
            UnwritableOutputError: the disk is full, say.
        """
        line = json.dumps({"name": task.name, "made_from": state}, ensure_ascii=True) + "\n"
        try:
            with self._lock, self._path.open("a", encoding="ascii") as file:
                file.write("\n" + line if self._torn else line)
                self._torn = False
        except OSError as error:
            self._torn = True
            raise UnwritableOutputError(f"{self._path} cannot be written: {error.strerror}.") from error
        self._made[task.name] = state

    def made(self, task: FileTask) -> bool:
        """True where the output, if there is one, is a result of an earlier run."""
        return task.name in self._made

    def state_of(self, source: Path) -> list[object]:
        """The source's size and time of change, and what the run is made with: equal states have equal results.

        Raises:
            UnreadableFileError: the source is not there.
        """
        try:
            status = source.stat()
        except OSError as error:
            raise UnreadableFileError(f"{source} cannot be read: {error.strerror}.") from error
        return [status.st_size, status.st_mtime_ns, self._made_with]
