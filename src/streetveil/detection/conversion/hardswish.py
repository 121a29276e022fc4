"""Writes hard swish as two operations instead of four, without changing what it computes.

MobileNetV3 (Howard et al. 2019) uses x * c * relu6(x + 3) with c = 1/6, and c * relu6(x + 3) as a gate.
ONNX has relu6(x + 3) / 6 as one operation, HardSigmoid, which ONNX Runtime computes without leaving its
fast layout. The published c, however, was rounded to half precision, and a relative error of 0.0002 in
each of 28 places would show in the scores. So the factor 6c is kept as a debt of the value and paid in the
weights of the next convolution, for nothing; where no convolution follows, by a multiplication.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def simplify_hard_swish(
    nodes: Sequence[onnx.NodeProto], constants: MutableMapping[str, TensorProto]
) -> list[onnx.NodeProto]:
    """The same graph with HardSigmoid; the additions and clips nobody needs any more are still among its nodes.

    `nodes` stand in topological order; scaled weights are added to `constants`. An output of the graph must
    not be a hard swish itself, but something computed from one.
    """
    return _Simplifier(nodes, constants).result


class _Simplifier:
    def __init__(self, nodes: Sequence[onnx.NodeProto], constants: MutableMapping[str, TensorProto]) -> None:
        self.result: list[onnx.NodeProto] = []
        self._constants = constants
        self._makers = {node.output[0]: node for node in nodes}
        self._debts: dict[str, float] = {}  # what a value must still be multiplied by
        for node in nodes:
            self._take(node)

    def _take(self, node: onnx.NodeProto) -> None:
        if node.op_type == "Mul" and self._take_hard_swish(node):
            return
        debts = [self._debts.get(name, 1.0) for name in node.input]
        if node.op_type in {"Mul", "GlobalAveragePool"}:
            self._debts[node.output[0]] = float(np.prod(debts))
            self.result.append(node)
        elif node.op_type == "Conv" and debts[0] != 1:
            inputs = [node.input[0], self._scaled(node.input[1], debts[0]), *node.input[2:]]
            paid = helper.make_node("Conv", inputs, node.output, name=node.name)
            paid.attribute.extend(node.attribute)
            self.result.append(paid)
        else:
            paid = helper.make_node(node.op_type, [self._paid(name) for name in node.input], node.output, node.name)
            paid.attribute.extend(node.attribute)
            self.result.append(paid)

    def _take_hard_swish(self, node: onnx.NodeProto) -> bool:
        """Replace the last multiplication of a hard swish or gate; False where it is neither."""
        output = node.output[0]
        for other, clipped in (node.input, reversed(node.input)):
            source = self._source_of_relu6_plus_3(clipped)
            if source is None or self._debts.get(source, 1.0) != 1:
                continue
            factor = self._number(other)
            if factor is not None:
                self.result.append(helper.make_node("HardSigmoid", [source], [output], alpha=1 / 6, beta=0.5))
            else:
                factor = self._factor_of(other, source)
                if factor is None:
                    continue
                gate = f"{output}/gate"
                self.result.append(helper.make_node("HardSigmoid", [source], [gate], alpha=1 / 6, beta=0.5))
                self.result.append(helper.make_node("Mul", [source, gate], [output]))
            self._debts[output] = 6 * factor
            return True
        return False

    def _source_of_relu6_plus_3(self, name: str) -> str | None:
        clip = self._makers.get(name)
        if clip is None or clip.op_type != "Clip" or [self._number(bound) for bound in clip.input[1:]] != [0, 6]:
            return None
        addition = self._makers.get(clip.input[0])
        if addition is None or addition.op_type != "Add":
            return None
        for source, three in (addition.input, reversed(addition.input)):
            if self._number(three) == 3:
                return str(source)
        return None

    def _factor_of(self, product: str, source: str) -> float | None:
        """The number c where `product` is c * source."""
        maker = self._makers.get(product)
        if maker is None or maker.op_type != "Mul" or source not in maker.input:
            return None
        return next((number for name in maker.input if (number := self._number(name)) is not None), None)

    def _number(self, name: str) -> float | None:
        tensor = self._constants.get(name)
        if tensor is None or tensor.dims:
            return None
        return float(numpy_helper.to_array(tensor))

    def _scaled(self, weights: str, factor: float) -> str:
        name = f"{weights}*{factor:.9g}"
        values = numpy_helper.to_array(self._constants[weights]) * np.float32(factor)
        self._constants[name] = numpy_helper.from_array(values, name)
        return name

    def _paid(self, name: str) -> str:
        """A name under which the value owes nothing."""
        debt = self._debts.get(name, 1.0)
        if debt == 1:
            return name
        paid, factor = f"{name}/paid", f"{name}/debt"
        if factor not in self._constants:
            self._constants[factor] = numpy_helper.from_array(np.array(debt, np.float32), factor)
            self.result.append(helper.make_node("Mul", [name, factor], [paid]))
        return paid
