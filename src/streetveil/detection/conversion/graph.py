"""Small pieces of surgery on ONNX graphs that more than one conversion needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto, helper

from streetveil.errors import ConversionError

INPUT = "images"
IR_VERSION = 8


def read(path: Path) -> onnx.ModelProto:
    """The model in a file.

    Raises:
        ConversionError: the file is no ONNX model.
    """
    try:
        return onnx.load(path, load_external_data=False)
    except (DecodeError, ValueError) as error:
        raise ConversionError(f"{path.name} is no ONNX model: {error}") from error


def needed_nodes(nodes: Sequence[onnx.NodeProto], outputs: Iterable[str]) -> list[onnx.NodeProto]:
    """The nodes on which the named values depend, in their given (topological) order."""
    wanted = set(outputs)
    kept = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]


def rename(nodes: Iterable[onnx.NodeProto], names: Mapping[str, str]) -> None:
    """Rename values wherever they are made or used."""
    for node in nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def assemble(
    name: str,
    nodes: Sequence[onnx.NodeProto],
    initializers: Iterable[TensorProto],
    outputs: Mapping[str, tuple[int, int]],
    *,
    opset: int,
    metadata: Mapping[str, str],
) -> onnx.ModelProto:
    """A checked model of one float32 input `images` (batch, 3, height, width), all but the 3 free.

    The nodes come in topological order; those that no output needs are left out, as are unused
    initializers. `outputs` gives per name the number of channels and the stride, in the order in
    which they are returned.

    Raises:
        ConversionError: the graph is not valid ONNX.
    """
    kept = needed_nodes(nodes, outputs)
    used = {value for node in kept for value in node.input}
    graph = helper.make_graph(
        kept,
        name,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", 3, "height", "width"])],
        [
            helper.make_tensor_value_info(
                output, TensorProto.FLOAT, ["batch", channels, f"height/{stride}", f"width/{stride}"]
            )
            for output, (channels, stride) in outputs.items()
        ],
        [tensor for tensor in initializers if tensor.name in used],
    )
    model = helper.make_model(
        graph, producer_name="streetveil", ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", opset)]
    )
    helper.set_model_props(model, dict(metadata))
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ConversionError(f"The conversion of {name} made an invalid graph: {error}") from error
    return model
