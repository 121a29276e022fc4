# ruff: noqa: N802 - the library names its functions so
"""GPUs are told of where NVIDIA's library is; where it is not, nothing is, and nothing breaks."""

import sys
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from streetveil.observability import families
from streetveil.observability.gpus import gpu_readings


class NVMLError(Exception):
    pass


class Library(SimpleNamespace):
    """What `pynvml` is asked for, for two GPUs; the second is a part of one, whose use is not told."""

    NVMLError = NVMLError

    def nvmlInit(self):
        if self.missing:
            raise NVMLError("Driver Not Loaded")

    def nvmlDeviceGetCount(self):
        return 2

    def nvmlDeviceGetHandleByIndex(self, index):
        return index

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(used=1000 + handle, total=5000)

    def nvmlDeviceGetUtilizationRates(self, handle):
        if handle == 1:
            raise NVMLError("Not Supported")
        return SimpleNamespace(gpu=75, memory=10)


def test_each_gpu_is_told_of(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", Library(missing=False))
    ask = gpu_readings()
    assert ask is not None
    told = {(reading.family, reading.labels): reading.value for reading in ask()}
    assert told == {
        (families.GPU_MEMORY, ("0",)): 1000,
        (families.GPU_MEMORY_SIZE, ("0",)): 5000,
        (families.GPU_USE, ("0",)): 0.75,
        (families.GPU_MEMORY, ("1",)): 1001,
        (families.GPU_MEMORY_SIZE, ("1",)): 5000,
    }


@pytest.mark.parametrize("library", [None, Library(missing=True)])
def test_without_the_library_or_its_driver_nothing_is_told(monkeypatch, library):
    monkeypatch.setitem(sys.modules, "pynvml", library)
    with capture_logs() as logs:
        assert gpu_readings() is None
    assert [entry["event"] for entry in logs] == ["gpus_not_measured"]
