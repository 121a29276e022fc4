"""Models in whole numbers of eight bits, for processors that multiply those faster (AVX-512 VNNI, AMX).

Made on the machine that will run them, from the float32 conversion and pictures as the network gets to see them: the
ranges of all values inside are measured on those (static quantisation, Jacob et al. 2018, arXiv:1712.05877).
Weights have one scale per output channel; the first layers, on whose few channels everything rests, stay in float32.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, version_converter

from streetveil.detection.conversion.equalise import Floats, equalise, find_links
from streetveil.detection.conversion.graph import INPUT, read
from streetveil.detection.session import Session
from streetveil.errors import ConversionError

_OPSET = 17
_IR_VERSION = 8


def quantise(source: Path, pictures: Sequence[npt.NDArray[np.float32]], target: Path, *, float_layers: int) -> None:
    """Writes the model of `source` in eight bits; inputs and outputs stay float32.

    Args:
        source: a converted model.
        pictures: inputs (n, 3, h, w) that show what the model will meet; their sizes may differ.
        target: the file to write.
        float_layers: convolutions at the beginning that stay in float32.

    Raises:
        ConversionError: ONNX Runtime's tools cannot do it.
    """
    # the tools take a second to load, and only this needs them
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static  # noqa: PLC0415

    model = _prepared(read(source))
    with tempfile.TemporaryDirectory(prefix="streetveil-int8-") as name, _quiet():
        folder = Path(name)
        _equalise(model, pictures, folder / "inner.onnx")
        onnx.save(model, folder / "float.onnx")
        layers = [node.name for node in model.graph.node if node.op_type == "Conv"]
        try:
            quantize_static(
                folder / "float.onnx",
                target,
                _Pictures(pictures),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=layers[:float_layers],
            )
        except Exception as error:  # the tools raise whatever they like
            raise ConversionError(f"{source.name} cannot be written in eight bits: {error}") from error


def _prepared(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with what the tools need: a version that knows scales per channel, and a name for every node."""
    if model.opset_import[0].version < _OPSET:
        model = version_converter.convert_version(model, _OPSET)
        model.ir_version = _IR_VERSION
    for index, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{index}"
    # the tools' own mark of a model that they need not warn about
    helper.set_model_props(
        model, {item.key: item.value for item in model.metadata_props} | {"onnx.quant.pre_process": "streetveil"}
    )
    return model


def _equalise(model: onnx.ModelProto, pictures: Sequence[npt.NDArray[np.float32]], scratch: Path) -> None:
    links = find_links(model)
    if not links:
        return
    inner = onnx.ModelProto()
    inner.CopyFrom(model)
    del inner.graph.output[:]
    inner.graph.output.extend(helper.make_empty_tensor_value_info(link.value) for link in links)
    onnx.save(inner, scratch)
    session = Session(scratch)
    greatest: dict[str, Floats] = {}
    for picture in pictures:
        for link, values in zip(links, session.run(picture), strict=True):
            seen = np.abs(values).max(axis=(0, 2, 3))
            greatest[link.value] = np.maximum(seen, greatest.get(link.value, 0))
    equalise(model, links, greatest)


class _Pictures:
    """Gives the pictures one by one, as the tools want them (`CalibrationDataReader`)."""

    def __init__(self, pictures: Sequence[npt.NDArray[np.float32]]) -> None:
        self._rest = iter(pictures)

    def get_next(self) -> dict[str, Any] | None:
        picture = next(self._rest, None)
        return None if picture is None else {INPUT: picture}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the tools' advice, which is not for users, out of the log."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
