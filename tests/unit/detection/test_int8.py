import numpy as np
import onnx
import pytest
from tests.support.small_network import photo_with_spots, write_network

from streetveil.detection.conversion.equalise import equalise, find_links
from streetveil.detection.conversion.int8 import quantise
from streetveil.detection.session import Session
from streetveil.errors import ConversionError


@pytest.fixture
def pictures():
    spots = photo_with_spots()[:352].transpose(2, 0, 1)[None].astype(np.float32)
    return [spots, np.ascontiguousarray(spots[..., ::-1, ::-1]), spots * 0.5]


def test_a_quantised_model_answers_nearly_as_before(tmp_path, pictures):
    """Were channels of a thousandth not evened out, most of the score would be lost: 8 bits have 256 steps."""
    path = write_network(tmp_path / "m.onnx")

    quantise(path, pictures, tmp_path / "q.onnx", float_layers=0)

    wanted, found = (Session(file).run(pictures[1])[0] for file in (path, tmp_path / "q.onnx"))
    assert wanted.max() > 0.7
    np.testing.assert_allclose(found, wanted, atol=0.02)


def test_a_quantised_model_computes_in_eight_bits_but_for_the_first_layers(tmp_path, pictures):
    quantise(write_network(tmp_path / "m.onnx"), pictures, tmp_path / "q.onnx", float_layers=1)

    model = onnx.load(tmp_path / "q.onnx")
    makers = {name: node for node in model.graph.node for name in node.output}
    layers = [node for node in model.graph.node if node.op_type == "Conv"]
    weights = [node.input[1] for node in layers]
    assert makers.get(weights[0]) is None
    assert all(makers[name].op_type == "DequantizeLinear" for name in weights[1:])
    assert Session(tmp_path / "q.onnx").input.dtype is np.float32


def test_a_quantised_model_takes_other_sizes_and_batches(tmp_path, pictures):
    quantise(write_network(tmp_path / "m.onnx"), pictures, tmp_path / "q.onnx", float_layers=0)

    assert Session(tmp_path / "q.onnx").run(np.zeros((2, 3, 64, 96), np.float32))[0].shape == (2, 1, 16, 24)


def test_what_is_no_model_cannot_be_quantised(tmp_path, pictures):
    (tmp_path / "m.onnx").write_bytes(b"no model")

    with pytest.raises(ConversionError, match=r"m\.onnx"):
        quantise(tmp_path / "m.onnx", pictures, tmp_path / "q.onnx", float_layers=0)


def test_evening_out_channels_changes_no_answer(tmp_path, pictures):
    path = write_network(tmp_path / "m.onnx")
    model = onnx.load(path)
    links = find_links(model)
    ranges = np.geomspace(1e-3, 1, 8).astype(np.float32)

    equalise(model, links, {link.value: ranges for link in links})
    onnx.save(model, tmp_path / "even.onnx")

    before, after = (Session(file).run(pictures[0]) for file in (path, tmp_path / "even.onnx"))
    for ours, theirs in zip(before, after, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-6)


def test_a_value_with_two_users_or_one_that_is_an_output_is_left_alone(tmp_path):
    """`heatmap` is read by two layers and is an output itself: dividing it would change what the model says."""
    links = find_links(onnx.load(write_network(tmp_path / "m.onnx")))

    assert [link.value for link in links] == ["b", "d"]
