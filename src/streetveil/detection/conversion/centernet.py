"""MobileNetV3-CenterNet as published for TensorFlow.js, cut down to what finds vehicles.

Zhou et al., "Objects as Points" (2019); the published network is 610265158/mobilenetv3_centernet.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, numpy_helper

from streetveil.detection.conversion.graph import INPUT, assemble, rename
from streetveil.detection.conversion.hardswish import simplify_hard_swish
from streetveil.detection.conversion.tfjs import OPSET, GraphTranslator, read_topology, read_weights
from streetveil.errors import ConversionError

_NAMES = {"tower_0/images": INPUT, "tower_0/keypoints": "keypoints", "tower_0/wh": "wh"}
_INPUT_SIZE = 512
_COCO_CLASSES = (2, 3, 5, 7)  # car, motorcycle, bus, truck
_CLASS_WEIGHTS = ("CenternetHead/centernet_cls_output/pointwise_weights", "CenternetHead/centernet_cls_output/biases")


def convert_centernet(members: tuple[Path, ...]) -> onnx.ModelProto:
    """The vehicle model with free batch, height and width (divisible by 32).

    Input `images` (n, 3, h, w), RGB 0..255. Outputs, both at stride 4 and in this order:
    `keypoints` (n, 4, h/4, w/4), scores 0..1 of car, motorcycle, bus, truck; peaks are NOT yet
    suppressed: a cell counts where it is the greatest of its 3x3 neighbourhood in its channel.
    `wh` (n, 4, h/4, w/4), the distances left, top, right, bottom in input pixels from
    (4x, 4y) of the cell. The 76 other COCO classes are cut out of the last layer, an eighth of
    the arithmetic.

    Args:
        members: the published `centernet.bin` and `centernet.json`, in this order.

    Raises:
        ConversionError: the files are not the graph this was written for.
    """
    weights_path, topology_path = members
    topology = read_topology(topology_path)
    translator = GraphTranslator(
        topology, read_weights(topology["weightsManifest"], weights_path.read_bytes()), _INPUT_SIZE
    )
    translator.translate(["tower_0/keypoints", "tower_0/wh"])
    rename(translator.nodes, _NAMES)
    constants = translator.initializers
    constants.update({name: _only_vehicles(constants[name]) for name in _CLASS_WEIGHTS})
    return assemble(
        "centernet",
        simplify_hard_swish(translator.nodes, constants),
        constants.values(),
        {"keypoints": (len(_COCO_CLASSES), 4), "wh": (4, 4)},
        opset=OPSET,
        metadata={"source": "MobileNetV3-CenterNet", "licence": "MIT"},
    )


def _only_vehicles(tensor: TensorProto) -> TensorProto:
    """The rows of the last layer's weights (out, in, 1, 1) or biases (out,) that belong to vehicles."""
    values = numpy_helper.to_array(tensor)
    if len(values) <= max(_COCO_CLASSES):
        raise ConversionError(f"{tensor.name} has {len(values)} classes, fewer than COCO.")
    return numpy_helper.from_array(values[list(_COCO_CLASSES)], tensor.name)
