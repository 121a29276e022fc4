"""CenterFace as published, made ready for any batch and size.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point" (2019).
The published graph claims a shape of 10x3x32x32 and lists its weights among its inputs, which keeps
ONNX Runtime from folding anything.
"""

from __future__ import annotations

from pathlib import Path

import onnx

from streetveil.detection.conversion.graph import INPUT, assemble, read, rename
from streetveil.errors import ConversionError

_NAMES = {"input.1": INPUT, "537": "heatmap", "538": "size", "539": "offset"}
_OUTPUTS = {"heatmap": (1, 4), "size": (2, 4), "offset": (2, 4)}


def convert_centerface(members: tuple[Path, ...]) -> onnx.ModelProto:
    """The face model with free batch, height and width (divisible by 32).

    Input `images` (n, 3, h, w), RGB 0..255. Outputs, all at stride 4 and in this order:
    `heatmap` (n, 1, h/4, w/4) scores 0..1; `size` (n, 2, ...) log of height, width in cells;
    `offset` (n, 2, ...) y, x of the centre within its cell. Landmarks are left out: nothing uses them.

    Args:
        members: the published `centerface.onnx`.

    Raises:
        ConversionError: the file is not the graph this was written for.
    """
    (path,) = members
    published = read(path)
    nodes = list(published.graph.node)
    rename(nodes, _NAMES)
    if not _OUTPUTS.keys() <= {name for node in nodes for name in node.output}:
        raise ConversionError(f"{path.name} has not CenterFace's outputs.")
    return assemble(
        "centerface",
        nodes,
        published.graph.initializer,
        _OUTPUTS,
        opset=published.opset_import[0].version,
        metadata={"source": "CenterFace", "licence": "MIT"},
    )
