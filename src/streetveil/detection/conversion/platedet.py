"""The licence-plate model: a half-precision YOLOv8 segmenter, made a float32 detector of any size.

CPUs compute half precision by converting every value to and fro; the mask branch answers a question
nobody asks; and the head's decode holds the anchor grid of 640x640 as a constant. So the first is
widened, the second dropped, and the third left to the decoder outside.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from streetveil.detection.conversion.graph import INPUT, assemble, read, rename
from streetveil.errors import ConversionError

_STRIDES = (8, 16, 32)
_BOX_CHANNELS = 64  # 4 sides x 16 bins


def convert_platedet(members: tuple[Path, ...]) -> onnx.ModelProto:
    """The plate model in float32, without masks and decode, with free batch, height and width (divisible by 32).

    Input `images` (n, 3, h, w), RGB 0..1. Outputs in this order: for each stride s of 8, 16, 32
    `boxes_s` (n, 64, h/s, w/s) and `logits_s` (n, 1, h/s, w/s). Channels 16k..16k+15 of `boxes_s` are
    the logits of a distribution over 0..15; its mean is the distance in cells from the cell's centre
    (x + 0.5, y + 0.5) to side k of left, top, right, bottom ("distribution focal loss", Li et al.,
    "Generalized Focal Loss", 2020). The score is the sigmoid of `logits_s`.

    Args:
        members: the published `platedet.onnx`.

    Raises:
        ConversionError: the file is not the graph this was written for.
    """
    (path,) = members
    published = read(path)
    nodes = [_widened(node) for node in published.graph.node]
    names = {item.name: INPUT for item in published.graph.input}
    outputs: dict[str, tuple[int, int]] = {}
    for level, stride in enumerate(_STRIDES):
        for branch, name, channels in (("cv2", "boxes", _BOX_CHANNELS), ("cv3", "logits", 1)):
            names[f"/model.22/{branch}.{level}/{branch}.{level}.2/Conv_output_0"] = f"{name}_{stride}"
            outputs[f"{name}_{stride}"] = (channels, stride)
    rename(nodes, names)
    if not outputs.keys() <= {name for node in nodes for name in node.output}:
        raise ConversionError(f"{path.name} has not the head of a YOLOv8 segmenter.")
    return assemble(
        "platedet",
        nodes,
        [_float32(tensor) for tensor in published.graph.initializer],
        outputs,
        opset=published.opset_import[0].version,
        metadata={"source": "platedet (Ultralytics YOLOv8s-seg)", "licence": "AGPL-3.0"},
    )


def _widened(node: onnx.NodeProto) -> onnx.NodeProto:
    """The node with half-precision constants and casts turned into single precision."""
    for attribute in node.attribute:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
            attribute.i = TensorProto.FLOAT
        elif attribute.type == onnx.AttributeProto.TENSOR:
            attribute.t.CopyFrom(_float32(attribute.t))
    return node


def _float32(tensor: TensorProto) -> TensorProto:
    if tensor.data_type != TensorProto.FLOAT16:
        return tensor
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name)
