import numpy as np
import pytest

from streetveil.detection.preprocess import Budget, View
from streetveil.detection.user_models import load_user_model
from streetveil.domain.detections import Label
from streetveil.domain.geometry import Box
from streetveil.domain.options import Profile
from streetveil.errors import CheckpointNotExportedError, ModelError, ModelMissingError, UnsupportedModelError

RED = np.zeros((64, 64, 3), np.uint8)
RED[..., 0] = 255


def _found(detector, pixels=RED, threshold=0.5):
    view = View(pixels, Box(0, 0, 64, 64), Budget(64 * 64))
    return detector.detect([view], [np.full(len(detector.traits.labels), threshold, np.float32)])[0]


def test_an_export_is_read_from_its_metadata(export_model):
    detector = load_user_model(export_model(), "faces")
    traits = detector.traits
    assert traits.labels == (Label.FACE, None, None)
    assert traits.threshold == 0.8
    assert traits.identity.name == "model.onnx"
    assert len(traits.identity.sha256) == 64
    assert traits.plans[Profile.ACCURATE].tile == 64
    found = _found(detector)
    assert found.boxes.tolist() == [[16, 16, 48, 48]]
    assert found.scores.tolist() == [1.0]


@pytest.mark.parametrize(
    "options",
    [
        {"shape": (1, 3, 64, 64)},
        {"half": True},
        {"end_to_end": True},
        {"extra_channels": 32, "metadata": {"task": "segment"}},
        {"end_to_end": True, "extra_channels": 32, "metadata": {"task": "segment"}},
        {"metadata": {"imgsz": "64", "names": "['Face', 'x', 'y']"}},
    ],
    ids=["fixed size", "half precision", "end to end", "masks", "end to end with masks", "older metadata"],
)
def test_every_way_of_exporting_finds_the_same(export_model, options):
    found = _found(load_user_model(export_model(**options), "faces"))
    assert found.boxes.tolist() == [[16, 16, 48, 48]]
    assert found.classes.tolist() == [0]


@pytest.mark.parametrize(
    ("task", "names", "labels"),
    [
        ("faces", ["Head", "body"], (Label.FACE, None)),
        ("plates", ["License-Plate", "car"], (Label.LICENSE_PLATE, None)),
        ("plates", ["number_plate", "x"], (Label.LICENSE_PLATE, None)),
        ("plates", ["licence plate", "plate"], (Label.LICENSE_PLATE, Label.LICENSE_PLATE)),
        ("vehicles", ["person", "bus"], (None, Label.BUS)),
        ("vehicles", ["Van", "Motorbike"], (Label.CAR, Label.MOTORCYCLE)),
        ("vehicles", ["kei truck"], (Label.CAR,)),
        ("faces", ["gesicht"], (Label.FACE,)),
    ],
)
def test_classes_are_matched_by_name_and_a_single_one_is_taken_at_its_word(export_model, task, names, labels):
    path = export_model(metadata={"names": str(names)}, classes=len(names))
    assert load_user_model(path, task).traits.labels == labels


def test_a_checkpoint_is_refused_with_the_command_that_exports_it(tmp_path):
    path = tmp_path / "Car Face Blur Model.pt"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(CheckpointNotExportedError) as error:
        load_user_model(path, "faces")
    assert f'yolo export model="{path}" format=onnx dynamic=True' in error.value.detail


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"metadata": {"task": "pose"}}, "pose"),
        ({"metadata": {"names": "{0: 'cat', 1: 'dog', 2: 'cow'}"}}, "cat, dog, cow"),
        ({"metadata": {"names": "__import__('os')"}}, "names"),
        ({"metadata": {"names": "{}"}}, "class names"),
        ({"metadata": {"imgsz": "[0, 0]"}}, "image size"),
        ({"metadata": {"stride": "'x'"}}, "stride"),
        ({"metadata": {"names": "{0: 'face', 1: 'b', 2: 'c', 3: 'd', 4: 'e'}"}}, "5 classes"),
        ({"shape": (8, 3, 64, 64)}, "8 pictures at once"),
    ],
    ids=["other task", "other classes", "code", "no names", "size", "stride", "other outputs", "fixed batch"],
)
def test_a_model_that_cannot_be_used_is_refused_at_once_with_the_reason(export_model, options, why):
    with pytest.raises(UnsupportedModelError, match=why):
        load_user_model(export_model(**options), "faces")


def test_a_model_without_metadata_is_refused(export_model):
    path = export_model(metadata={"task": ""})
    with pytest.raises(UnsupportedModelError, match="names no task"):
        load_user_model(path, "faces")


def test_a_file_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(ModelMissingError):
        load_user_model(tmp_path / "model.onnx", "faces")


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "model.engine").write_bytes(b"x")
    with pytest.raises(UnsupportedModelError, match=r"\.onnx"):
        load_user_model(tmp_path / "model.engine", "faces")


def test_a_damaged_file_is_a_model_error(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"x" * 100)
    with pytest.raises(ModelError):
        load_user_model(tmp_path / "model.onnx", "faces")


def test_a_batch_of_different_sizes_gives_what_each_picture_gives_alone(export_model):
    detector = load_user_model(export_model(), "faces")
    views = []
    for index, (width, height) in enumerate([(64, 64), (200, 100), (64, 64), (1, 1), (100, 200), (64, 64)]):
        pixels = np.full((height, width, 3), 100 + 30 * index, np.uint8)
        views.append(View(pixels, Box(0, 0, width, height), Budget(96 * 96)))
    limits = [np.full(3, limit, np.float32) for limit in (0.1, 0.5, 0.9, 0.1, 0.99, 0.1)]
    together = detector.detect(views, limits)
    for view, limit, found in zip(views, limits, together, strict=True):
        [alone] = detector.detect([view], [limit])
        assert found.boxes.tolist() == alone.boxes.tolist()
        assert found.scores.tolist() == alone.scores.tolist()
