import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from streetveil.detection.conversion.graph import assemble
from streetveil.detection.conversion.hardswish import simplify_hard_swish
from streetveil.detection.session import Session

C = float(np.float16(1 / 6))  # as published: rounded to half precision


def swish(source, output):
    """x * c * relu6(x + 3) in four operations, as TensorFlow.js has it."""
    return [
        helper.make_node("Mul", ["c", source], [f"{output}/scaled"]),
        helper.make_node("Add", [source, "three"], [f"{output}/add"]),
        helper.make_node("Clip", [f"{output}/add", "zero", "six"], [f"{output}/clip"]),
        helper.make_node("Mul", [f"{output}/scaled", f"{output}/clip"], [output]),
    ]


def gate(source, output):
    """c * relu6(x + 3)."""
    return [
        helper.make_node("Add", [source, "three"], [f"{output}/add"]),
        helper.make_node("Clip", [f"{output}/add", "zero", "six"], [f"{output}/clip"]),
        helper.make_node("Mul", ["c", f"{output}/clip"], [output]),
    ]


def convolution(source, output):
    return [helper.make_node("Conv", [source, "weights", "bias"], [output], kernel_shape=[1, 1])]


GRAPHS = {
    "followed by a convolution": [*swish("images", "s"), *convolution("s", "out")],
    "at the end": [*swish("images", "s"), helper.make_node("Identity", ["s"], ["out"])],
    "added to its input": [*swish("images", "s"), helper.make_node("Add", ["s", "images"], ["out"])],
    "convolved and added": [
        *swish("images", "s"),
        *convolution("s", "t"),
        helper.make_node("Add", ["s", "t"], ["out"]),
    ],
    "added twice": [
        *swish("images", "s"),
        helper.make_node("Add", ["s", "images"], ["t"]),
        helper.make_node("Add", ["s", "t"], ["out"]),
    ],
    "of a swish": [*swish("images", "s"), *swish("s", "t"), *convolution("t", "out")],
    "squeezed and excited": [
        *swish("images", "s"),
        helper.make_node("GlobalAveragePool", ["s"], ["mean"]),
        *convolution("mean", "t"),
        *gate("t", "g"),
        helper.make_node("Mul", ["g", "s"], ["excited"]),
        *convolution("excited", "out"),
    ],
}


def run(path, nodes, constants):
    onnx.save(assemble("test", nodes, constants.values(), {"out": (3, 1)}, opset=17, metadata={}), path)
    (found,) = Session(path).run(np.random.default_rng(1).uniform(-5, 5, (2, 3, 16, 16)).astype(np.float32))
    return found


@pytest.mark.parametrize("nodes", GRAPHS.values(), ids=GRAPHS.keys())
def test_a_hard_swish_computes_the_same_to_the_last_digits(tmp_path, nodes):
    random = np.random.default_rng(2)
    values = {
        "c": C,
        "zero": 0,
        "three": 3,
        "six": 6,
        "weights": random.normal(size=(3, 3, 1, 1)),
        "bias": random.normal(size=3),
    }
    constants = {name: numpy_helper.from_array(np.array(value, np.float32), name) for name, value in values.items()}
    wanted = run(tmp_path / "plain.onnx", nodes, dict(constants))

    simple = simplify_hard_swish(nodes, constants)
    found = run(tmp_path / "simple.onnx", simple, constants)

    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    assert any(node.op_type == "HardSigmoid" for node in onnx.load(tmp_path / "simple.onnx").graph.node)


def test_an_addition_of_another_number_is_left_alone():
    constants = {
        name: numpy_helper.from_array(np.array(value, np.float32), name)
        for name, value in {"c": C, "zero": 0, "three": 2, "six": 6}.items()
    }

    assert [node.op_type for node in simplify_hard_swish(swish("images", "out"), constants)] == [
        "Mul",
        "Add",
        "Clip",
        "Mul",
    ]
