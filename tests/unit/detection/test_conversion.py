import base64
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from streetveil.detection.conversion.centerface import convert_centerface
from streetveil.detection.conversion.convert import convert
from streetveil.detection.conversion.expected import check, load_expected, reference_input
from streetveil.detection.conversion.graph import assemble, needed_nodes
from streetveil.detection.conversion.platedet import convert_platedet
from streetveil.detection.conversion.tfjs import GraphTranslator, read_topology, read_weights
from streetveil.detection.session import Session
from streetveil.errors import ConversionError


def text(value):
    return {"s": base64.b64encode(value.encode()).decode()}


def integers(*values):
    return {"list": {"i": [str(value) for value in values]}}


def convolution(op, name, source, *, stride=1, fused=()):
    return {
        "name": name,
        "op": op,
        "input": [source, f"{name}/kernel", *([f"{name}/bias"] if fused else [])],
        "attr": {
            "strides": integers(1, stride, stride, 1),
            "dilations": integers(1, 1, 1, 1),
            "padding": text("SAME"),
            "fused_ops": {"list": {"s": [text(value)["s"] for value in fused]}},
        },
    }


PLACEHOLDER = {"name": "images", "op": "Placeholder", "input": [], "attr": {}}


def translate(tmp_path, nodes, weights, output, channels, stride, size=64):
    """A session that runs the translated graph."""
    translator = GraphTranslator({"modelTopology": {"node": [PLACEHOLDER, *nodes]}}, weights, size)
    translator.translate([output])
    constants = translator.initializers.values()
    model = assemble("test", translator.nodes, constants, {output: (channels, stride)}, opset=17, metadata={})
    onnx.save(model, tmp_path / "test.onnx")
    return Session(tmp_path / "test.onnx")


def same_convolution(image, kernel, stride):
    """TensorFlow's definition, written out: NHWC image, HWIO kernel, the odd pixel of padding at the end."""
    height, width = (-(-length // stride) for length in image.shape[:2])
    rows, columns = (
        max((count - 1) * stride + reach - length, 0)
        for count, reach, length in zip((height, width), kernel.shape, image.shape, strict=False)
    )
    padded = np.pad(image, ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0)))
    result = np.empty((height, width, kernel.shape[3]))
    for y in range(height):
        for x in range(width):
            window = padded[y * stride : y * stride + kernel.shape[0], x * stride : x * stride + kernel.shape[1]]
            result[y, x] = np.einsum("hwi,hwio->o", window, kernel)
    return result


@pytest.mark.parametrize("reach", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_pads_as_tensorflow_does(tmp_path, reach, stride):
    random = np.random.default_rng(1)
    kernel = random.normal(size=(reach, reach, 3, 4)).astype(np.float32)
    bias = random.normal(size=4).astype(np.float32)
    image = random.normal(size=(12, 8, 3)).astype(np.float32)
    node = convolution("_FusedConv2D", "conv", "images", stride=stride, fused=("BiasAdd", "Relu"))
    session = translate(tmp_path, [node], {"conv/kernel": kernel, "conv/bias": bias}, "conv", 4, stride)

    (found,) = session.run(image.transpose(2, 0, 1)[None])

    expected = np.maximum(same_convolution(image, kernel, stride) + bias, 0)
    np.testing.assert_allclose(found[0].transpose(1, 2, 0), expected, rtol=1e-4, atol=1e-4)


def test_a_depthwise_convolution_keeps_channels_apart(tmp_path):
    kernel = np.random.default_rng(1).normal(size=(3, 3, 3, 1)).astype(np.float32)
    image = np.random.default_rng(2).normal(size=(6, 4, 3)).astype(np.float32)
    node = convolution("DepthwiseConv2dNative", "conv", "images")
    session = translate(tmp_path, [node], {"conv/kernel": kernel}, "conv", 3, 1)

    (found,) = session.run(image.transpose(2, 0, 1)[None])

    for channel in range(3):
        expected = same_convolution(image[:, :, [channel]], kernel[:, :, [channel]], 1)[:, :, 0]
        np.testing.assert_allclose(found[0, channel], expected, rtol=1e-4, atol=1e-4)


def test_a_resize_to_a_constant_size_follows_the_input(tmp_path):
    """Frozen for 64x64, where it makes 32x32 of 16x16, it doubles whatever comes."""
    kernel = np.zeros((1, 1, 3, 3), np.float32)
    kernel[0, 0] = np.eye(3)
    attributes = {"align_corners": {"b": False}, "half_pixel_centers": {"b": False}}
    nodes = [
        convolution("Conv2D", "down", "images", stride=4),
        {"name": "up", "op": "ResizeBilinear", "input": ["down", "size"], "attr": attributes},
    ]
    weights = {"down/kernel": kernel, "size": np.array([32, 32], np.int32)}
    session = translate(tmp_path, nodes, weights, "up", 3, 2)

    (found,) = session.run(np.random.default_rng(1).random((2, 3, 8, 24), np.float32))

    assert found.shape == (2, 3, 4, 12)


def test_an_unknown_operation_is_refused_by_name():
    node = {"name": "x", "op": "FancyNewOp", "input": ["images"], "attr": {}}

    with pytest.raises(ConversionError, match="FancyNewOp"):
        GraphTranslator({"modelTopology": {"node": [PLACEHOLDER, node]}}, {}, 64).translate(["x"])


def test_an_unknown_activation_is_refused():
    node = convolution("_FusedConv2D", "conv", "images", fused=("BiasAdd", "Elu"))
    weights = {"conv/kernel": np.zeros((1, 1, 3, 3), np.float32), "conv/bias": np.zeros(3, np.float32)}

    with pytest.raises(ConversionError, match="Elu"):
        GraphTranslator({"modelTopology": {"node": [PLACEHOLDER, node]}}, weights, 64).translate(["conv"])


MANIFEST = [
    {
        "weights": [
            {"name": "half", "shape": [2], "dtype": "float32", "quantization": {"dtype": "float16"}},
            {"name": "whole", "shape": [], "dtype": "int32"},
        ]
    }
]
DATA = np.array([1.5, -2], "<f2").tobytes() + np.array(7, "<i4").tobytes()


def test_weights_are_read_and_widened():
    weights = read_weights(MANIFEST, DATA)

    assert weights["half"].tolist() == [1.5, -2]
    assert weights["half"].dtype == np.float32
    assert weights["whole"] == 7


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"\0", b""])
def test_weights_of_another_length_are_refused(data):
    with pytest.raises(ConversionError, match="manifest"):
        read_weights(MANIFEST, data)


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", json.dumps({"format": "layers-model"}).encode()])
def test_what_is_no_graph_model_is_refused(tmp_path, content):
    (tmp_path / "model.json").write_bytes(content)

    with pytest.raises(ConversionError, match=r"model\.json"):
        read_topology(tmp_path / "model.json")


@pytest.mark.parametrize("converter", [convert_centerface, convert_platedet])
@pytest.mark.parametrize(
    "content", [b"no ONNX", helper.make_model(helper.make_graph([], "g", [], [])).SerializeToString()]
)
def test_another_graph_than_the_one_it_was_written_for_is_refused(tmp_path, converter, content):
    (tmp_path / "model.onnx").write_bytes(content)

    with pytest.raises(ConversionError, match=r"model\.onnx"):
        converter((tmp_path / "model.onnx",))


def test_an_unknown_converter_is_refused(tmp_path):
    with pytest.raises(ConversionError, match="nonsense-1"):
        convert("nonsense-1", [], tmp_path / "x.onnx")


def test_only_what_the_outputs_need_is_kept():
    nodes = [
        helper.make_node("Relu", ["images"], ["a"]),
        helper.make_node("Relu", ["images"], ["unused"]),
        helper.make_node("Add", ["a", "images"], ["b"]),
        helper.make_node("Relu", ["b"], ["after"]),
    ]

    assert [node.output[0] for node in needed_nodes(nodes, ["b"])] == ["a", "b"]


# --- the check of what a converted model computes ------------------------------------------------------


def doubling(path, factor):
    """A model that multiplies its input by a factor."""
    nodes = [helper.make_node("Mul", ["images", "factor"], ["keypoints"])]
    constants = [numpy_helper.from_array(np.array(factor, np.float32), "factor")]
    onnx.save(assemble("double", nodes, constants, {"keypoints": (3, 1)}, opset=17, metadata={}), path)
    return path


def answers(name="keypoints"):
    values = (2 * reference_input(32, 64)).reshape(-1)
    return {
        "runs": [
            {
                "input": [1, 3, 32, 64],
                "outputs": {name: {"indices": [0, 77, 5000], "values": values[[0, 77, 5000]].tolist()}},
            }
        ]
    }


def test_a_model_that_computes_what_is_stored_passes(tmp_path):
    check(doubling(tmp_path / "m.onnx", 2.0), answers())


@pytest.mark.parametrize("factor", [2.01, -2, np.nan])
def test_a_model_that_computes_something_else_is_refused(tmp_path, factor):
    with pytest.raises(ConversionError, match="computes something else"):
        check(doubling(tmp_path / "m.onnx", factor), answers())


def test_a_model_without_the_stored_output_is_refused(tmp_path):
    with pytest.raises(ConversionError, match="no output wh"):
        check(doubling(tmp_path / "m.onnx", 2.0), answers("wh"))


def test_the_stored_answers_of_the_vehicle_model_cover_two_shapes_and_all_channels():
    expected = load_expected("centernet")

    assert expected is not None
    assert [run["input"] for run in expected["runs"]] == [[1, 3, 512, 512], [1, 3, 224, 384]]
    for run in expected["runs"]:
        cells = run["input"][2] * run["input"][3] // 16
        for sampled in run["outputs"].values():
            assert {index // cells for index in sampled["indices"]} == {0, 1, 2, 3}
            assert len(sampled["values"]) == len(sampled["indices"]) == 200


def test_the_reference_input_is_what_the_reference_was_made_with():
    pattern = reference_input(512, 512)

    assert pattern.shape == (1, 3, 512, 512)
    # y 300, x 400, channel 2, by the formula of scripts/make_centernet_reference.mjs
    assert pattern[0, 2, 300, 400] == (400 * 300 // 128 + 400 // 37 * 53 + 300 // 29 * 31 + 2 * 67) % 256


def test_the_input_of_an_assembled_model_takes_any_batch_and_size():
    model = assemble(
        "m", [helper.make_node("Relu", ["images"], ["out"])], [], {"out": (3, 1)}, opset=17, metadata={"licence": "MIT"}
    )

    (taken,) = model.graph.input
    assert taken.type.tensor_type.elem_type == TensorProto.FLOAT
    assert [size.dim_param or size.dim_value for size in taken.type.tensor_type.shape.dim] == [
        "batch",
        3,
        "height",
        "width",
    ]
    assert {item.key: item.value for item in model.metadata_props} == {"licence": "MIT"}
