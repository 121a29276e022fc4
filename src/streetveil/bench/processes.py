"""Processes of ours on Linux: what they have used, and the end of those that were started here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_PROC = Path("/proc")
_END_S = 20
_ENDING = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process and its children, in bytes.

    Attributes:
        peak: of resident memory, the sum of each one's own peak; pages that they share count for each.
        proportional: resident now, shared pages divided among those that share them.
    """

    peak: int
    proportional: int

    def as_dict(self) -> dict[str, float]:
        return {"peak_mb": round(self.peak / 1e6, 1), "proportional_mb": round(self.proportional / 1e6, 1)}


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    children = defaultdict(list)
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    found = [pid]
    for member in found:
        found += children[member]
    return found


def core_seconds(pids: Iterable[int]) -> float:
    """Processor time that these processes and their ended children have used."""
    ticks = 0
    for pid in pids:
        if fields := _stat(pid):
            ticks += sum(int(value) for value in fields[11:15])  # utime, stime, cutime, cstime
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pids: Iterable[int]) -> Memory:
    """What these processes hold; those that have ended count nothing."""
    peak = proportional = 0
    for pid in pids:
        try:
            peak += _kilobytes(_PROC / str(pid) / "status", "VmHWM:")
            proportional += _kilobytes(_PROC / str(pid) / "smaps_rollup", "Pss:")
        except OSError:
            continue
    return Memory(1024 * peak, 1024 * proportional)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """SIGTERM and Ctrl-C end the processes and remove the files that were made here, whatever comes meanwhile."""

    def handle(number: int, _: FrameType | None) -> None:
        for other in _ENDING:
            signal.signal(other, signal.SIG_IGN)
        sys.exit(128 + number)

    with _handled(handle):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """SIGINT and SIGTERM that come within are delivered at its end: a process that was started is known by then.

    For the main thread, in which alone they are handled.
    """
    came: list[int] = []
    try:
        with _handled(lambda number, _: came.append(number)):
            yield
    finally:
        for number in came:
            signal.raise_signal(number)


@contextmanager
def _handled(handle: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handle) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that was started here in order, or kills it where it does not end."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, beginning with the state; none where it has ended."""
    try:
        return (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []


def _kilobytes(path: Path, field: str) -> int:
    for line in path.read_text("utf-8").splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    return 0
