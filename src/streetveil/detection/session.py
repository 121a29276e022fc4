"""Runs one ONNX file. The only module that knows onnxruntime; what a model's numbers mean stands elsewhere."""

from __future__ import annotations

import ctypes
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from importlib import metadata
from io import StringIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

# The official builds tell Microsoft which models run where, from two threads of their own, unless this is set
# before they are imported. A service that sees people's photos tells nobody anything.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

from streetveil.detection.devices import Runtime
from streetveil.errors import ModelError, ModelMissingError, UnsupportedModelError

CPU: tuple[str, ...] = ("CPUExecutionProvider",)

_ERRORS_ONLY = 3
# Input buffers kept by one thread, each for one shape: pictures of another shape come and go.
_KEPT_SHAPES = 24
# All of them install the module `onnxruntime`.
_PACKAGES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-rocm")
_PROVIDER_FILES = {
    "CUDAExecutionProvider": "libonnxruntime_providers_cuda.so",
    "TensorrtExecutionProvider": "libonnxruntime_providers_tensorrt.so",
}
_TYPES: Mapping[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a model.

    Attributes:
        shape: None where a dimension is only known when the model runs.
        dtype: element type; None for one that no decoder reads.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: type[np.generic] | None


class Network(Protocol):
    """What answers for a tensor, wherever and with whatever else it runs. Safe to call from several threads at once."""

    def run(self, tensor: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """All outputs for one input tensor, in the model's order.

        Raises:
            ModelError: the model refuses the tensor, or fails inside.
        """
        ...


class Session:
    """A loaded model of one input: a `Network`.

    Attributes:
        path: the file it was read from.
        input: the one input.
        outputs: in the order in which `run` returns them.
        metadata: the file's `metadata_props` (Ultralytics writes class names, task and stride there).
        providers: the execution providers in force, best first. ONNX Runtime leaves out, without an error, those
            that it cannot load: who asked for one must look here.

    Args:
        threads: cores one run may use. Throughput wants 1 and as many runs in flight as cores.
        providers: ONNX Runtime execution providers, best first, with or without their options.

    Raises:
        ModelMissingError: there is no such file.
        ModelError: it cannot be loaded.
        UnsupportedModelError: it does not take exactly one picture tensor.
    """

    def __init__(
        self, path: Path, *, threads: int = 1, providers: Sequence[str | tuple[str, Mapping[str, str]]] = CPU
    ) -> None:
        if not path.is_file():
            raise ModelMissingError(f"There is no model file {path}.")
        names = [item if isinstance(item, str) else item[0] for item in providers]
        options = [{} if isinstance(item, str) else dict(item[1]) for item in providers]
        try:
            session = onnxruntime.InferenceSession(
                # its own fallback prints to the standard output
                str(path),
                _options(threads),
                providers=names,
                provider_options=options,
                enable_fallback=0,
            )
        except Exception as error:  # onnxruntime's own exceptions share no base but this
            raise ModelError(f"{path.name} cannot be loaded as an ONNX model: {_first_line(error)}") from error
        inputs = session.get_inputs()
        if len(inputs) != 1 or inputs[0].type not in _TYPES:
            kinds = ", ".join(f"{item.name}: {item.type}" for item in inputs)
            raise UnsupportedModelError(f"{path.name} must take one picture tensor, not ({kinds}).")
        self.path = path
        self.input = _port(inputs[0])
        self.outputs = tuple(_port(item) for item in session.get_outputs())
        self.metadata: Mapping[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        self.providers: tuple[str, ...] = tuple(session.get_providers())
        self._session = session

    def run(self, tensor: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """All outputs for one input tensor, in the order of `outputs`.

        Raises:
            ModelError: the model refuses the tensor, or fails inside.
        """
        try:
            outputs = self._session.run(None, {self.input.name: tensor})
        except Exception as error:
            raise ModelError(f"{self.path.name} failed on a {tensor.shape} tensor: {_first_line(error)}") from error
        return [np.asarray(output) for output in outputs]

    def bind(self, *, memory: str = "cpu", index: int = 0) -> BoundRun:
        """A way to run it with buffers kept beside the device `index` of this kind of `memory`, for one thread."""
        return BoundRun(self, self._session, memory, index)


class BoundRun:
    """Runs a session with its tensors bound to the device's memory: nothing is allocated anew from run to run.

    For one thread at a time, unlike the session itself.
    """

    def __init__(self, session: Session, inner: onnxruntime.InferenceSession, memory: str, index: int) -> None:
        self._session = session
        self._inner = inner
        self._memory = memory
        self._index = index
        self._inputs: OrderedDict[tuple[int, ...], tuple[npt.NDArray[Any], Any]] = OrderedDict()

    def __call__(self, tensors: Sequence[npt.NDArray[Any]], *, rows: int = 0) -> list[npt.NDArray[Any]]:
        """All outputs for the tensors put one behind the other along their first axis.

        Args:
            tensors: equal in shape, but for the first axis, and in type.
            rows: the run has at least as many; what is missing is zeros, whose answers are left in the outputs.

        Raises:
            ModelError: the model refuses the tensors, or fails inside.
        """
        first, count = tensors[0], sum(len(tensor) for tensor in tensors)
        shape = (max(rows, count), *first.shape[1:])
        try:
            host, value = self._input(shape, first.dtype)
            np.concatenate(tensors, out=host[:count])
            host[count:] = 0
            if self._memory != "cpu":
                value.update_inplace(host)
            binding = self._inner.io_binding()
            binding.bind_ortvalue_input(self._session.input.name, value)
            for port in self._session.outputs:
                binding.bind_output(port.name, self._memory, self._index)
            self._inner.run_with_iobinding(binding)
            outputs = binding.copy_outputs_to_cpu()
        except Exception as error:
            self._inputs.pop(shape, None)
            raise ModelError(f"{self._session.path.name} failed on a {shape} tensor: {_first_line(error)}") from error
        return [np.asarray(output) for output in outputs]

    def _input(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[npt.NDArray[Any], Any]:
        """The buffer in this process and the tensor on the device for inputs of one shape; the same ones next time."""
        kept = self._inputs.pop(shape, None)
        if kept is None or kept[0].dtype != dtype:
            host = np.empty(shape, dtype)
            # beside the CPU the tensor is the buffer itself
            kept = host, onnxruntime.OrtValue.ortvalue_from_numpy(host, self._memory, self._index)
        self._inputs[shape] = kept
        if len(self._inputs) > _KEPT_SHAPES:
            self._inputs.popitem(last=False)
        return kept


def installed_runtime() -> Runtime:
    """What the ONNX Runtime of this process is."""
    packages = []
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            packages.append(f"{name} {metadata.version(name)}")
    return Runtime(
        build=f"{onnxruntime.package_name or 'onnxruntime'} {onnxruntime.__version__}",
        packages=tuple(packages),
        providers=frozenset(onnxruntime.get_available_providers()),
        missing_library=_missing_library,
    )


def _missing_library(provider: str) -> str | None:
    """Loads what a provider needs, as ONNX Runtime would; what the loader says where that fails."""
    file = _PROVIDER_FILES.get(provider)
    if file is None:
        return None
    with redirect_stdout(StringIO()):  # it prints what it does not find; the loader below says the same
        onnxruntime.preload_dlls(directory="")
    folder = Path(onnxruntime.__file__).parent
    _preload_tensorrt(folder.parent / "tensorrt_libs")
    try:
        ctypes.CDLL(str(folder / "capi" / file))
    except OSError as error:
        return _first_line(error)
    return None


def _preload_tensorrt(folder: Path) -> None:
    """NVIDIA's package puts its libraries where no loader looks."""
    for name in ("libnvinfer.so.10", "libnvonnxparser.so.10"):
        if (folder / name).is_file():
            ctypes.CDLL(str(folder / name))


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Threads that spin while they wait take the core from the job that runs beside this one.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _port(value: Any) -> Port:  # noqa: ANN401 - onnxruntime.NodeArg is untyped
    shape = tuple(size if isinstance(size, int) and size > 0 else None for size in value.shape)
    return Port(value.name, shape, _TYPES.get(value.type))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:300]
