"""What child processes use: they do most of the work, and no process counts its children's as its own."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import NamedTuple

from streetveil.isolation.pool import ProcessPool
from streetveil.observability import families
from streetveil.observability.readings import Reading

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class _Usage(NamedTuple):
    """Of one process (proc_pid_stat(5)).

    Attributes:
        seconds: of processor time.
        reaped_s: that of its children that have ended.
        resident: bytes.
    """

    seconds: float = 0.0
    reaped_s: float = 0.0
    resident: int = 0


class ChildrenReadings:
    """Of a pool's children, and of the zygote they come from."""

    def __init__(self, pool: ProcessPool) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._zygote: int | None = None
        self._before_s = 0.0  # of zygotes that have ended
        self._seconds = 0.0

    def __call__(self) -> list[Reading]:
        zygote, children = self._pool.processes()
        # The zygote first: a child that ends meanwhile is missing for once, and not counted twice.
        first = _usage(zygote) if zygote is not None else _Usage()
        usages = [_usage(pid) for pid in children]
        return [
            Reading(families.CHILDREN, len(children)),
            Reading(families.CHILDREN_CPU, self._counted(zygote, first, usages)),
            Reading(families.CHILDREN_MEMORY, first.resident + sum(usage.resident for usage in usages)),
            Reading(families.CRASHES, self._pool.crashes),
        ]

    def _counted(self, zygote: int | None, first: _Usage, usages: list[_Usage]) -> float:
        """Seconds so far; never less than before, which would look like a restart."""
        with self._lock:
            if zygote != self._zygote:
                self._zygote = zygote
                self._before_s = self._seconds
            now_s = first.seconds + first.reaped_s + sum(usage.seconds for usage in usages)
            self._seconds = max(self._seconds, self._before_s + now_s)
            return self._seconds


def _usage(pid: int) -> _Usage:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _Usage()  # it has ended
    fields = text.rpartition(")")[2].split()
    user, system, reaped_user, reaped_system = (int(field) / _TICKS_PER_S for field in fields[11:15])
    return _Usage(user + system, reaped_user + reaped_system, int(fields[21]) * _PAGE_BYTES)
