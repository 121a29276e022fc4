"""What stands at the head of every table: the machine, how busy it was, and with what it was measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from streetveil import __version__

_LIBRARIES = ("onnxruntime", "numpy", "opencv-python-headless", "simplejpeg")
# What makes quantised models pay, or not (docs/models.md).
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp")


def machine() -> dict[str, object]:
    """Facts for the head of a report, at this moment; JSON types only."""
    processor, _ = _processor()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor,
        "instructions": instructions(),
        "cores": cores(),
        "load_average": load_average(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {"streetveil": __version__} | {name: _version(name) for name in _LIBRARIES},
    }


def instructions() -> list[str]:
    """Those of the processor that decide how fast models run."""
    flags = _processor()[1]
    return [name for name in _INSTRUCTIONS if name in flags]


def load_average() -> list[float]:
    """Of 1, 5 and 15 minutes: processes that want a core."""
    return [round(value, 2) for value in os.getloadavg()]


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _processor() -> tuple[str, frozenset[str]]:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    fields: Mapping[str, str] = {
        name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))
    }
    flags = fields.get("flags", fields.get("Features", ""))
    return fields.get("model name") or platform.processor() or platform.machine(), frozenset(flags.split())


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
