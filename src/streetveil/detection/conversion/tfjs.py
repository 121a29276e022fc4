"""TensorFlow.js graph models, operation by operation, to ONNX.

Layouts change on the way: TensorFlow.js computes in NHWC, ONNX (and ONNX Runtime's fast kernels) in
NCHW, so weights and axes are transposed here and no transpose is left in the graph. Sizes are set
free: a resize to a constant size becomes one by the factor it had at the published input size, and
"SAME" padding the constant it is for every input divisible by the network's stride.
Only what the vehicle model needs is translated; anything else is refused by name.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from streetveil.errors import ConversionError

OPSET = 17
_DTYPES: Mapping[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "int32": np.dtype("<i4"),
}
_AXES_NHWC_TO_NCHW = (0, 2, 3, 1)  # where each NHWC axis stands in NCHW
_PLACEHOLDER = "Placeholder"

Array = npt.NDArray[Any]
Node = Mapping[str, Any]


def read_weights(manifest: Sequence[Mapping[str, Any]], data: bytes) -> dict[str, Array]:
    """The named arrays of a weights file; half-precision ones are widened.

    Format: https://github.com/tensorflow/tfjs, `tfjs-core/src/io/types.ts`, WeightsManifestConfig.

    Raises:
        ConversionError: the manifest and the file do not match, or an element type is not known.
    """
    weights: dict[str, Array] = {}
    offset = 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        stored = entry.get("quantization", {}).get("dtype", entry["dtype"])
        if stored not in _DTYPES:
            raise ConversionError(f"Weights of type {stored} are not known.")
        count = math.prod(entry["shape"])
        if offset + count * _DTYPES[stored].itemsize > len(data):
            raise ConversionError("The weights file is shorter than its manifest says.")
        values = np.frombuffer(data, _DTYPES[stored], count, offset).reshape(entry["shape"])
        weights[entry["name"]] = values.astype(np.float32) if stored == "float16" else values
        offset += values.nbytes
    if offset != len(data):
        raise ConversionError("The weights file is longer than its manifest says.")
    return weights


class GraphTranslator:
    """Translates one graph; `nodes` and `initializers` hold the result.

    Values keep their TensorFlow names.

    Args:
        topology: the parsed model file.
        weights: its constants, by name.
        input_size: height and width for which the published graph was frozen.
    """

    def __init__(self, topology: Mapping[str, Any], weights: Mapping[str, Array], input_size: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, TensorProto] = {}
        self._published: dict[str, Node] = {node["name"]: node for node in topology["modelTopology"]["node"]}
        self._weights = weights
        self._input_size = input_size
        self._strides: dict[str, float] = {}  # of every translated value, against the input

    def translate(self, outputs: Sequence[str]) -> None:
        """Translate everything that the outputs depend on.

        Raises:
            ConversionError: an operation, or a way of using it, is not known.
        """
        for name in self._in_order(outputs):
            node = self._published[name]
            handler = _HANDLERS.get(node["op"])
            if handler is None:
                raise ConversionError(f"TensorFlow.js operation {node['op']} ({name}) is not known.")
            handler(self, node)

    def _in_order(self, outputs: Sequence[str]) -> list[str]:
        """Names of the needed operations, inputs before users; iterative, for graphs may be deep."""
        order: dict[str, None] = {}
        stack = [(name, False) for name in outputs]
        while stack:
            name, ready = stack.pop()
            if name in order or name in self._weights:
                continue
            if name not in self._published:
                raise ConversionError(f"The graph has no node {name}.")
            if ready:
                order[name] = None
            else:
                stack.append((name, True))
                stack.extend((source, False) for source in self._published[name].get("input", ()))
        return list(order)

    # --- what the handlers use ---------------------------------------------------------------------

    def add(self, op: str, name: str, inputs: Sequence[str], stride: float | None = None, **attributes: object) -> None:
        """Append one ONNX node that makes the named value, of the first input's stride where none is given."""
        node = helper.make_node(op, list(inputs), [name], name=name)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self.nodes.append(node)
        self._strides[name] = self._strides[inputs[0]] if stride is None else stride

    def constant(self, name: str, values: Array) -> str:
        if name not in self.initializers:
            self.initializers[name] = numpy_helper.from_array(np.array(values, order="C"), name)
        return name

    def weight(self, name: str) -> Array:
        if name not in self._weights:
            raise ConversionError(f"{name} must be a constant.")
        return self._weights[name]

    def operand(self, name: str) -> str:
        """A value or constant of an element-wise operation; only constants of one element are in use."""
        if name not in self._weights:
            return name
        if self._weights[name].size != 1:
            raise ConversionError(f"The constant {name} is no single number.")
        return self.constant(name, self._weights[name].reshape(()))

    # --- one method per kind of operation ----------------------------------------------------------

    def placeholder(self, node: Node) -> None:
        self._strides[node["name"]] = 1.0

    def convolution(self, node: Node) -> None:
        """Conv2D and depthwise convolution, alone or fused with bias and activation."""
        source, kernel_name, *rest = node["input"]
        kernel = self.weight(kernel_name)
        depthwise = "epthwise" in node["op"]
        if depthwise:  # (h, w, in, multiplier) -> (in * multiplier, 1, h, w)
            height, width, channels, multiplier = kernel.shape
            weights = kernel.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
            group = channels
        else:  # (h, w, in, out) -> (out, in, h, w)
            weights = kernel.transpose(3, 2, 0, 1)
            group = 1
        stride = _spatial(node, "strides")
        inputs = [source, self.constant(kernel_name, weights)]
        fused = [_text(value) for value in node["attr"].get("fused_ops", {}).get("list", {}).get("s", [])]
        if fused[:1] == ["BiasAdd"]:
            inputs.append(self.constant(rest[0], self.weight(rest[0])))
        if fused not in ([], ["BiasAdd"], ["BiasAdd", "Relu"]):
            raise ConversionError(f"Fused operations {fused} ({node['name']}) are not known.")
        activated = fused[-1:] == ["Relu"]
        target = f"{node['name']}/linear" if activated else node["name"]
        self.add(
            "Conv",
            target,
            inputs,
            self._strides[source] * stride,
            kernel_shape=weights.shape[2:],
            strides=[stride, stride],
            pads=_pads(node, weights.shape[2], weights.shape[3], stride),
            dilations=[_spatial(node, "dilations")] * 2,
            group=group,
        )
        if activated:
            self.add("Relu", node["name"], [target])

    def elementwise(self, node: Node) -> None:
        op = str(node["op"]).removesuffix("V2")
        stride = min(self._strides[name] for name in node["input"] if name in self._strides)
        self.add(op, node["name"], [self.operand(name) for name in node["input"]], stride)

    def relu6(self, node: Node) -> None:
        low, high = self.constant("zero", np.array(0, np.float32)), self.constant("six", np.array(6, np.float32))
        self.add("Clip", node["name"], [node["input"][0], low, high])

    def mean(self, node: Node) -> None:
        source, axes = node["input"]
        if sorted(self.weight(axes).tolist()) != [1, 2] or not node["attr"]["keep_dims"]["b"]:
            raise ConversionError(f"Mean over other axes than height and width ({node['name']}) is not known.")
        self.add("GlobalAveragePool", node["name"], [source], math.inf)

    def resize(self, node: Node) -> None:
        source, size = node["input"]
        if node["attr"]["align_corners"]["b"] or node["attr"]["half_pixel_centers"]["b"]:
            raise ConversionError(f"{node['name']} aligns corners or pixel centres: not known.")
        stride = self._input_size / int(self.weight(size)[0])
        factor = self._strides[source] / stride
        scales = self.constant(f"{node['name']}/scales", np.array([1, 1, factor, factor], np.float32))
        self.add(
            "Resize",
            node["name"],
            [source, "", scales],
            stride,
            mode="linear",
            coordinate_transformation_mode="asymmetric",
        )

    def concatenate(self, node: Node) -> None:
        *sources, axis = node["input"]
        self.add("Concat", node["name"], sources, axis=_AXES_NHWC_TO_NCHW[int(self.weight(axis)) % 4])


def _text(value: str) -> str:
    """Strings of the JSON form of a graph are base64."""
    return base64.b64decode(value).decode()


def _spatial(node: Node, attribute: str) -> int:
    batch, height, width, channels = (int(value) for value in node["attr"][attribute]["list"]["i"])
    if batch != 1 or channels != 1 or height != width:
        raise ConversionError(f"{attribute} {batch, height, width, channels} of {node['name']} are not known.")
    return height


def _pads(node: Node, height: int, width: int, stride: int) -> list[int]:
    """ONNX pads (top, left, bottom, right). SAME pads the odd pixel at the end, unlike PyTorch."""
    padding = _text(node["attr"]["padding"]["s"])
    if padding == "VALID":
        return [0, 0, 0, 0]
    if padding != "SAME" or _spatial(node, "dilations") != 1:
        raise ConversionError(f"Padding {padding} of {node['name']} is not known.")
    rows, columns = (max(size - stride, 0) for size in (height, width))
    return [rows // 2, columns // 2, rows - rows // 2, columns - columns // 2]


_HANDLERS: Mapping[str, Callable[[GraphTranslator, Node], None]] = {
    _PLACEHOLDER: GraphTranslator.placeholder,
    "_FusedConv2D": GraphTranslator.convolution,
    "Conv2D": GraphTranslator.convolution,
    "DepthwiseConv2dNative": GraphTranslator.convolution,
    "FusedDepthwiseConv2dNative": GraphTranslator.convolution,
    "Add": GraphTranslator.elementwise,
    "AddV2": GraphTranslator.elementwise,
    "Mul": GraphTranslator.elementwise,
    "Sub": GraphTranslator.elementwise,
    "Sigmoid": GraphTranslator.elementwise,
    "Relu": GraphTranslator.elementwise,
    "Identity": GraphTranslator.elementwise,
    "Relu6": GraphTranslator.relu6,
    "Mean": GraphTranslator.mean,
    "ResizeBilinear": GraphTranslator.resize,
    "ConcatV2": GraphTranslator.concatenate,
}


def read_topology(path: Path) -> dict[str, Any]:
    """The parsed model file.

    Raises:
        ConversionError: it is no TensorFlow.js graph model.
    """
    try:
        topology = json.loads(path.read_bytes())
    except ValueError as error:
        raise ConversionError(f"{path.name} is no JSON: {error}") from error
    if not isinstance(topology, dict) or topology.get("format") != "graph-model":
        raise ConversionError(f"{path.name} is no TensorFlow.js graph model.")
    return topology
