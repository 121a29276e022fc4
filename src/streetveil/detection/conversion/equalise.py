"""Evens out the channels of a network's inner values, without changing what it computes.

Whole numbers of eight bits share one scale over all channels of a value; a channel a hundred times smaller than the
greatest would be left with two of its 256 steps. Where a convolution's result goes, by way of a ReLU at most, into
one other convolution, a channel can be divided by any positive number in the first and multiplied by it in the
second: "cross-layer equalisation" (Nagel et al. 2019, arXiv:1906.04721), here with the values' ranges as measured
instead of the weights' ranges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

Floats = npt.NDArray[np.float32]

_SMALLEST = 1e-3
"""Channels further below the greatest are evened out as if they were this large: they hardly matter."""


@dataclass(frozen=True, slots=True)
class Link:
    """A value with one maker and one user, both convolutions.

    Attributes:
        value: what `user` reads: the result of `maker`, behind the ReLU where there is one.
    """

    maker: onnx.NodeProto
    user: onnx.NodeProto
    value: str


def find_links(model: onnx.ModelProto) -> list[Link]:
    """Every value that can be evened out."""
    nodes, outputs = model.graph.node, {item.name for item in model.graph.output}
    makers = {name: node for node in nodes for name in node.output}
    uses = Counter(name for node in nodes for name in node.input)
    links = []
    for node in nodes:
        if node.op_type != "Conv":
            continue
        value = source = node.input[0]
        maker = makers.get(source)
        if maker is not None and maker.op_type == "Relu":
            source = maker.input[0]
            maker = makers.get(source)
        alone = all(uses[name] == 1 and name not in outputs for name in (value, source))
        if maker is not None and maker.op_type == "Conv" and alone:
            links.append(Link(maker, node, value))
    return links


def equalise(model: onnx.ModelProto, links: Sequence[Link], greatest: Mapping[str, Floats]) -> None:
    """Evens out the linked values, in place.

    Args:
        model: whose weights change.
        links: as `find_links` gives them.
        greatest: of each link's value the greatest magnitude met in each channel, (channels,).
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for link in links:
        ranges = _at_least(greatest[link.value])
        kernel = numpy_helper.to_array(weights[link.user.input[1]])
        if _groups(link.user) > 1:
            # each channel has a kernel, and each kernel a scale, of its own: the value alone matters
            factors = ranges / ranges.max()
            scaled = kernel * factors[:, None, None, None]
        else:
            # what is taken from the value goes into one column of every kernel: meet halfway
            columns = _at_least(np.abs(kernel).max(axis=(0, 2, 3)))
            factors = np.sqrt(ranges / columns)
            factors = np.maximum(factors / factors.max(), _SMALLEST)
            scaled = kernel * factors[:, None, None]
        _put(weights[link.user.input[1]], scaled)
        _put(weights[link.maker.input[1]], _divided(weights[link.maker.input[1]], factors))
        if len(link.maker.input) > 2:
            _put(weights[link.maker.input[2]], _divided(weights[link.maker.input[2]], factors))


def _at_least(ranges: Floats) -> Floats:
    return np.maximum(ranges, max(float(ranges.max()) * _SMALLEST, 1e-12))


def _groups(node: onnx.NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)


def _divided(tensor: onnx.TensorProto, factors: Floats) -> Floats:
    values = numpy_helper.to_array(tensor)
    return np.asarray(values / factors.reshape(-1, *[1] * (values.ndim - 1)), np.float32)


def _put(tensor: onnx.TensorProto, values: Floats) -> None:
    tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32, copy=False), tensor.name))
