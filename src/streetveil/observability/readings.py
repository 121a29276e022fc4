"""Numbers that are asked for when the metrics are."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from streetveil.observability import families
from streetveil.observability.families import Family


class Reading(NamedTuple):
    """One number."""

    family: Family
    value: float
    labels: tuple[str, ...] = ()


Ask = Callable[[], Iterable[Reading]]
"""Called at each scrape, by any thread: must be quick. What it raises is logged, and its metrics are left out."""


def disk_readings(folder: Path) -> list[Reading]:
    """Of the file system of a folder that there is.

    Raises:
        OSError: there is none.
    """
    usage = shutil.disk_usage(folder)
    return [Reading(families.DISK_FREE, usage.free), Reading(families.DISK_SIZE, usage.total)]
