"""Whether processes live."""

from __future__ import annotations

import time
from pathlib import Path


def is_alive(pid: int) -> bool:
    """True while it runs; False also where it only waits to be reaped."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def wait_until_gone(pid: int) -> None:
    """Returns when the process has ended; fails after ten seconds."""
    deadline = time.monotonic() + 10
    while is_alive(pid):
        if time.monotonic() > deadline:
            raise AssertionError(f"process {pid} lives")
        time.sleep(0.01)
