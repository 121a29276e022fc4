"""Where models run: what `DEVICE` asks for, what this machine can give, and what to say where the two differ."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from streetveil.errors import ConfigurationError

Kind = Literal["cpu", "cuda", "tensorrt"]
ProviderSpec = tuple[str, Mapping[str, str]]

_PROVIDERS: Mapping[Kind, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
_CUDA_NO_DEVICE = 100  # CUDA driver API: CUDA_ERROR_NO_DEVICE

TENSORRT_SIDE = 2048
"""Longest input side that a TensorRT engine is built for; what is longer runs on the CPU."""
_TENSORRT_USUAL = (384, 640)
_TENSORRT_LEAST = 32


@dataclass(frozen=True, slots=True)
class Device:
    """One processor that runs models; `index` counts the GPUs that the driver shows this process."""

    kind: Kind = "cpu"
    index: int = 0

    @property
    def is_gpu(self) -> bool:
        return self.kind != "cpu"

    @property
    def provider(self) -> str:
        """The ONNX Runtime provider that must be in force, or the model runs elsewhere."""
        return _PROVIDERS[self.kind]

    @property
    def memory(self) -> str:
        """ONNX Runtime's name of the memory beside it."""
        return "cuda" if self.is_gpu else "cpu"

    def __str__(self) -> str:
        return f"{self.kind}:{self.index}" if self.is_gpu else self.kind


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the installed ONNX Runtime is.

    Attributes:
        build: name and version of the package whose code is loaded.
        packages: every installed package that claims the module; they overwrite each other's files.
        providers: those compiled in, whether or not the machine can use them.
        missing_library: names the library for want of which a provider cannot be loaded; None where it can.
    """

    build: str
    packages: tuple[str, ...]
    providers: frozenset[str]
    missing_library: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """Where models will run.

    Attributes:
        complaint: why that is not what was asked for; None where it is.
    """

    devices: tuple[Device, ...]
    complaint: str | None = None

    @property
    def on_gpu(self) -> bool:
        return self.devices[0].is_gpu


ON_CPU = Choice((Device(),))


def choose(wanted: str, runtime: Runtime, count_gpus: Callable[[], int | str]) -> Choice:
    """The devices for a value of `DEVICE`; the CPU, with a complaint, where they are not to be had.

    Args:
        wanted: `auto`, `cpu`, `cuda` or `tensorrt`, the latter two with the GPUs to use (`cuda:0,1`); without
            them all that the driver shows are used. `auto` means `cuda` where that works, and complains only
            where a GPU is there that the installed ONNX Runtime was made for and cannot use.
        runtime: what is installed.
        count_gpus: as `gpus_of_driver`.

    Raises:
        ConfigurationError: `wanted` is none of these.
    """
    kind, indices = _parse(wanted)
    if kind == "cpu":
        return ON_CPU
    automatic = kind == "auto"
    kind = "cuda" if kind == "auto" else kind
    if _PROVIDERS[kind] not in runtime.providers:
        return ON_CPU if automatic else Choice((Device(),), _not_built_in(kind, runtime))
    count = count_gpus()
    if isinstance(count, str):
        return ON_CPU if automatic else Choice((Device(),), count)
    absent = [index for index in indices if index >= count]
    if absent:
        named = ", ".join(map(str, absent))
        return Choice((Device(),), f"there is no GPU {named}: the driver shows {count}, counted from 0")
    missing = runtime.missing_library(_PROVIDERS[kind])
    if missing:
        return Choice((Device(),), f"{runtime.build} cannot load its part for {kind}: {missing}")
    return Choice(tuple(Device(kind, index) for index in indices or range(count)))


def gpus_of_driver(load: Callable[[str], Any] = ctypes.CDLL) -> int | str:
    """How many GPUs the NVIDIA driver shows this process (`CUDA_VISIBLE_DEVICES` counts), or why there are none."""
    try:
        driver = load("libcuda.so.1")
    except OSError:
        return "there is no NVIDIA driver (libcuda.so.1); in a container, start it with the GPUs (`--gpus all`)"
    status = driver.cuInit(0)
    if status == _CUDA_NO_DEVICE:
        return "the NVIDIA driver shows this process no GPU"
    count = ctypes.c_int()
    status = status or driver.cuDeviceGetCount(ctypes.byref(count))
    if status:
        return f"the NVIDIA driver answers with CUDA error {status}; `nvidia-smi` may say more"
    return count.value or "the NVIDIA driver shows this process no GPU"


def provider_options(
    device: Device, *, input_name: str, input_shape: Sequence[int | None], most_rows: int, engines: Path | None
) -> list[ProviderSpec]:
    """The ONNX Runtime providers of one model on one device, best first.

    Args:
        device: where it is to run.
        input_name: of the model's one input.
        input_shape: (n, 3, height, width) as the model declares it; None where it is free.
        most_rows: pictures in one run.
        engines: folder in which TensorRT keeps what it built for this model, for building takes minutes; None:
            it is built anew at every start.
    """
    cpu: ProviderSpec = (_PROVIDERS["cpu"], {})
    if not device.is_gpu:
        return [cpu]
    cuda: ProviderSpec = (
        _PROVIDERS["cuda"],
        {
            "device_id": str(device.index),
            # The default tries every algorithm at each new shape, which takes longer than the run.
            "cudnn_conv_algo_search": "HEURISTIC",
            # Doubling the memory with each extension takes what other worker processes need.
            "arena_extend_strategy": "kSameAsRequested",
            # Ten bits of mantissa would move scores across thresholds; what bounds a GPU's worker is its CPU anyway.
            "use_tf32": "0",
        },
    )
    if device.kind == "cuda":
        return [cuda, cpu]
    options = {"device_id": str(device.index)}
    if engines is not None:
        options |= {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(engines),
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(engines),
        }
    if None in input_shape:
        # One engine for all shapes. Without the ranges it would be built anew for a picture of another shape.
        height, width = _TENSORRT_USUAL
        for name, sides in (
            ("min", (1, _TENSORRT_LEAST, _TENSORRT_LEAST)),
            ("opt", (most_rows, height, width)),
            ("max", (most_rows, TENSORRT_SIDE, TENSORRT_SIDE)),
        ):
            rows, *lengths = sides
            shape = [fixed or free for fixed, free in zip(input_shape, (rows, 3, *lengths), strict=True)]
            options[f"trt_profile_{name}_shapes"] = f"{input_name}:{'x'.join(map(str, shape))}"
    return [(_PROVIDERS["tensorrt"], options), cuda, cpu]


def _parse(wanted: str) -> tuple[Kind | Literal["auto"], tuple[int, ...]]:
    kind, colon, numbers = wanted.strip().lower().partition(":")
    named = numbers.split(",") if colon else []
    if all(number.isdecimal() and len(number) < 4 for number in named):
        # a GPU named twice is one GPU
        indices = tuple(dict.fromkeys(map(int, named)))
        if kind == "cuda":
            return "cuda", indices
        if kind == "tensorrt":
            return "tensorrt", indices
        if kind in {"auto", "cpu"} and not colon:
            return ("auto" if kind == "auto" else "cpu"), ()
    raise ConfigurationError(
        f"DEVICE is {wanted[:40]!r}: it must be auto, cpu, cuda or tensorrt, the last two with or without the "
        f"numbers of GPUs, as in cuda:0,1."
    )


def _not_built_in(kind: Kind, runtime: Runtime) -> str:
    if len(runtime.packages) > 1:
        return (
            f"{' and '.join(runtime.packages)} are both installed and overwrite each other: uninstall both, "
            "then install onnxruntime-gpu alone"
        )
    return f"{runtime.build} is built without {kind}: install onnxruntime-gpu in its place (docs/performance.md)"
