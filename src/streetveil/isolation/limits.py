"""What a child process may take and do; set by the child itself before it sees a photo, and never undone."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one child.

    Attributes:
        memory_bytes: address space beyond what the process has with its models loaded.
        open_files: modules that are imported late need a few.
        niceness: how far the child steps back behind the API.
    """

    memory_bytes: int
    open_files: int = 64
    niceness: int = 5

    def apply(self) -> None:
        """Limits this process. It also dies with its parent, leaves no core dump, and is the first to be killed
        where the machine has no memory left.

        A core dump would hold the photo, and a `core_pattern` that pipes it to a program heeds no RLIMIT_CORE: only
        a process that is not dumpable leaves none.

        Raises:
            OSError: the system refuses one of them.
        """
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
        os.nice(self.niceness)
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(_PR_SET_DUMPABLE, 0)
        prctl(_PR_SET_NO_NEW_PRIVS, 1)
        for kind, most in (
            (resource.RLIMIT_AS, address_space() + self.memory_bytes),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_NOFILE, self.open_files),
            (resource.RLIMIT_NPROC, 0),  # no process or thread more; root is exempt
        ):
            resource.setrlimit(kind, (most, most))


def address_space() -> int:
    """Bytes of virtual memory that this process has."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()


def resident(pid: int) -> int:
    """Bytes of memory that a process really occupies, shared ones included; 0 where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def prctl(option: int, value: int) -> None:
    """Sets an attribute of this process, by the numbers of linux/prctl.h.

    Raises:
        OSError: the system refuses it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")
