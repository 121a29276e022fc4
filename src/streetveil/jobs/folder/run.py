"""One run over many files on disk.

An output file appears whole or not at all, and a line in the manifest beside the outputs says from what it
was made. A run that was killed is simply started again: files whose line, output and source still agree are
skipped, everything else is done anew.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

import structlog
from filelock import FileLock, Timeout

from streetveil.domain.job import JobFailure
from streetveil.domain.options import JobOptions
from streetveil.errors import OutputBusyError, StreetveilError, UnwritableOutputError
from streetveil.jobs.anonymise import Anonymised
from streetveil.jobs.folder.files import FileTask, read_photo, write_result
from streetveil.jobs.folder.manifest import Manifest

_LOCK_NAME = ".streetveil.lock"

log = structlog.get_logger(__name__)


class FileStatus(StrEnum):
    """How one file ended."""

    REDACTED = "redacted"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file; the metadata is that of the HTTP contract, None unless redacted.

    `seconds` is the time it took to find and redact everything; waiting for the disk is not in it.
    """

    task: FileTask
    status: FileStatus
    seconds: float = 0.0
    blur_metadata: Mapping[str, Any] | None = None
    detection_metadata: Mapping[str, Any] | None = None
    failure: JobFailure | None = None

    def as_dict(self) -> dict[str, Any]:
        """A line of the report."""
        line: dict[str, Any] = {
            "source": str(self.task.source),
            "output": str(self.task.target) if self.failure is None else None,
            "status": self.status.value,
        }
        if self.status is FileStatus.REDACTED:
            line["seconds"] = round(self.seconds, 4)
            line["blur_metadata"] = self.blur_metadata
            line["detection_metadata"] = self.detection_metadata
        if self.failure is not None:
            line["error"] = {"code": self.failure.code, "detail": self.failure.detail}
        return line


class FolderRun:
    """Redacts many files with several threads and bounded memory, yielding each outcome as it is known.

    Args:
        anonymise: makes the result of one photo.
        options: the same for every file.
        output: the folder that results go to; made where it does not exist.
        variant: what decides the results besides sources and options; see `Manifest`.
        threads: how many files are worked on at once. As many again are read or written meanwhile, so that no core
            waits for a disk.
        force: do again what is done already.
        mask: makes the picture of what was redacted for tasks that want one.
    """

    def __init__(
        self,
        anonymise: Callable[[bytes, JobOptions], Anonymised],
        *,
        options: JobOptions,
        output: Path,
        variant: str,
        threads: int,
        force: bool = False,
        mask: Callable[[Anonymised], bytes] | None = None,
    ) -> None:
        self._anonymise = anonymise
        self._options = options
        self._output = output
        self._variant = variant
        self._in_flight = 2 * threads
        self._cores = threading.BoundedSemaphore(threads)
        self._force = force
        self._mask = mask
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Starts no further file; those in work are finished."""
        self._stopped.set()

    def __call__(self, tasks: Iterable[FileTask]) -> Iterator[FileOutcome]:
        """Works through `tasks`.

        Raises:
            OutputBusyError: another run writes to the same folder.
            UnwritableOutputError: the output folder cannot be made.
        """
        try:
            self._output.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._output / _LOCK_NAME)
            lock.acquire(timeout=0)
        except Timeout:
            raise OutputBusyError(f"Another run already writes to {self._output}; wait for it to end.") from None
        except OSError as error:
            raise UnwritableOutputError(f"{self._output} cannot be written to: {error.strerror}.") from error
        try:
            yield from self._run(iter(tasks), Manifest(self._output, self._options, self._variant))
        finally:
            lock.release()

    def _run(self, tasks: Iterator[FileTask], manifest: Manifest) -> Iterator[FileOutcome]:
        with ThreadPoolExecutor(self._in_flight, thread_name_prefix="redact") as pool:
            # Never more than twice as many as threads: few photos are in memory at once.
            pending: set[Future[FileOutcome]] = set()
            try:
                while True:
                    room = 0 if self._stopped.is_set() else self._in_flight - len(pending)
                    pending |= {pool.submit(self._one, task, manifest) for task in islice(tasks, room)}
                    if not pending:
                        return
                    finished, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for future in finished:
                        if not future.cancelled():
                            yield future.result()
                    if self._stopped.is_set():
                        pending = {future for future in pending if not future.cancel()}
            finally:
                for future in pending:
                    future.cancel()

    def _one(self, task: FileTask, manifest: Manifest) -> FileOutcome:
        if not self._force and manifest.is_done(task):
            return FileOutcome(task, FileStatus.SKIPPED)
        try:
            # Taken before reading: a source that changes meanwhile will not look done.
            state = manifest.state_of(task.source)
            data = read_photo(task.source)
            with self._cores:
                started = time.perf_counter()
                result = self._anonymise(data, self._options)
                mask = self._mask(result) if task.mask is not None and self._mask is not None else None
                seconds = time.perf_counter() - started
            self._keep(result, mask, task, state, manifest)
        except Exception as error:
            if not isinstance(error, StreetveilError):
                log.exception("file_failed", code=StreetveilError.code)
            # An output of an earlier run belongs to a source or to options that are no longer asked for.
            if manifest.made(task):
                _remove(task)
            return FileOutcome(task, FileStatus.FAILED, failure=_failure(error))
        return FileOutcome(
            task,
            FileStatus.REDACTED,
            seconds=seconds,
            blur_metadata=result.blur_metadata,
            detection_metadata=result.detection_metadata,
        )

    def _keep(self, result: Anonymised, mask: bytes | None, task: FileTask, state: object, manifest: Manifest) -> None:
        write_result(task.target, result.file.data)
        try:
            if task.mask is not None and mask is not None:
                write_result(task.mask, mask)
            manifest.record(task, state)
        except StreetveilError:
            _remove(task)  # a photo that failed has no output
            raise


def _remove(task: FileTask) -> None:
    for path in task.outputs:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            if os.path.lexists(path):  # not where the name itself is what cannot be, as one that is too long
                log.exception("stale_output_left", path=str(path))


def _failure(error: Exception) -> JobFailure:
    if isinstance(error, StreetveilError):
        return JobFailure(error.code, error.detail)
    return JobFailure(StreetveilError.code, f"Unexpected {type(error).__name__}; the log has the details.")
