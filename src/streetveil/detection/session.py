"""Runs one ONNX file. The only module that knows onnxruntime; what a model's numbers mean stands elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# The official builds tell Microsoft which models run where, from two threads of their own, unless this is set
# before they are imported. A service that sees people's photos tells nobody anything.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

from streetveil.errors import ModelError, ModelMissingError, UnsupportedModelError

CPU: tuple[str, ...] = ("CPUExecutionProvider",)

_ERRORS_ONLY = 3
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


class Session:
    """A loaded model of one input. `run` may be called from several threads at once.

    Attributes:
        path: the file it was read from.
        input: the one input.
        outputs: in the order in which `run` returns them.
        metadata: the file's `metadata_props` (Ultralytics writes class names, task and stride there).

    Args:
        threads: cores one run may use. Throughput wants 1 and as many runs in flight as cores.
        providers: ONNX Runtime execution providers, best first.

    Raises:
        ModelMissingError: there is no such file.
        ModelError: it cannot be loaded.
        UnsupportedModelError: it does not take exactly one picture tensor.
    """

    def __init__(self, path: Path, *, threads: int = 1, providers: Sequence[str] = CPU) -> None:
        if not path.is_file():
            raise ModelMissingError(f"There is no model file {path}.")
        try:
            session = onnxruntime.InferenceSession(str(path), _options(threads), providers=list(providers))
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
