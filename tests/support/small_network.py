"""A network that takes every bright spot for a face, with CenterFace's outputs and a few layers to quantise."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from streetveil.detection.conversion.graph import assemble

_CHANNELS = 8


def write_network(path: Path, *, gain: float = 1.0, shift: float = 0.5) -> Path:
    """Scores are brightness times `gain`; boxes are 48 pixels wide and lie `shift` cells beside the spot's cell.

    Channels inside differ by a factor of a thousand, as those of real networks do.
    """
    random = np.random.default_rng(1)
    unequal = np.geomspace(1e-3, 1, _CHANNELS).astype(np.float32)
    first = np.full((_CHANNELS, 3, 4, 4), 1 / (48 * 255), np.float32) * unequal[:, None, None, None]
    each = np.zeros((_CHANNELS, 1, 3, 3), np.float32)
    each[:, 0, 1, 1] = random.uniform(0.5, 2, _CHANNELS)
    last = (gain / _CHANNELS / unequal / each[:, 0, 1, 1]).reshape(1, _CHANNELS, 1, 1).astype(np.float32)
    constants = {
        "first": first,
        "first_bias": np.zeros(_CHANNELS, np.float32),
        "each": each,
        "last": last,
        "none": np.zeros((2, 1, 1, 1), np.float32),
        "log_size": np.full(2, np.log(12), np.float32),
        "shift": np.full(2, shift - 0.5, np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["images", "first", "first_bias"], ["a"], strides=[4, 4]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "each"], ["c"], group=_CHANNELS, pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Conv", ["d", "last"], ["heatmap"]),
        helper.make_node("Conv", ["heatmap", "none", "log_size"], ["size"]),
        helper.make_node("Conv", ["heatmap", "none", "shift"], ["offset"]),
    ]
    tensors = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    outputs = {"heatmap": (1, 4), "size": (2, 4), "offset": (2, 4)}
    onnx.save(assemble("small", nodes, tensors, outputs, opset=17, metadata={}), path)
    return path


def photo_with_spots() -> np.ndarray:
    """A dark photo, RGB (360, 640, 3), with bright spots."""
    photo = np.full((360, 640, 3), 10, np.uint8)
    for x, y in ((100, 80), (300, 180), (460, 120), (200, 260), (420, 240)):
        photo[y : y + 24, x : x + 24] = 200
    return photo
