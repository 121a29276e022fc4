"""How busy the GPUs are, as NVIDIA's own library tells it; the extra `gpu` installs its binding."""

from __future__ import annotations

from typing import Any

import structlog

from streetveil.observability import families
from streetveil.observability.readings import Ask, Reading

_log = structlog.get_logger(__name__)


def gpu_readings() -> Ask | None:
    """What tells of each GPU of this machine; None where the library or its binding is not there."""
    try:
        import pynvml  # noqa: PLC0415 - an extra
    except ImportError:
        _log.info("gpus_not_measured", reason="nvidia-ml-py is not installed")
        return None
    try:
        pynvml.nvmlInit()
        count: int = pynvml.nvmlDeviceGetCount()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
    except pynvml.NVMLError as error:
        _log.info("gpus_not_measured", reason=str(error))
        return None
    return lambda: [reading for index, handle in enumerate(handles) for reading in _readings(pynvml, index, handle)]


def _readings(nvml: Any, index: int, handle: Any) -> list[Reading]:  # noqa: ANN401 - a module without types
    labels = (str(index),)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    readings = [
        Reading(families.GPU_MEMORY, memory.used, labels),
        Reading(families.GPU_MEMORY_SIZE, memory.total, labels),
    ]
    try:
        busy = nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    except nvml.NVMLError:  # not told of a part of a GPU (MIG)
        return readings
    return [*readings, Reading(families.GPU_USE, busy, labels)]
