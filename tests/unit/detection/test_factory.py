import numpy as np
import pytest
import simplejpeg

from streetveil.detection import networks as networks_module
from streetveil.detection.base import Query
from streetveil.detection.detector import Traits
from streetveil.detection.devices import Choice, Device
from streetveil.detection.factory import build_scene_detector, usual_sizes
from streetveil.detection.models import CENTERFACE, MODELS, PLATEDET
from streetveil.detection.networks import Batching, Networks
from streetveil.detection.weights import ModelCache
from streetveil.domain.geometry import Size
from streetveil.domain.measurements import ModelRun
from streetveil.errors import ModelMissingError
from streetveil.imaging.picture import Picture


class CpuAsGpu(Device):
    provider = "CPUExecutionProvider"
    memory = "cpu"


def photo(red):
    pixels = np.zeros((540, 960, 3), np.uint8)
    pixels[..., 0] = red
    return Picture.open(simplejpeg.encode_jpeg(pixels, colorspace="RGB"), max_pixels=10**6)


@pytest.fixture
def own_models(export_model):
    paths = {task: export_model(f"{task}.onnx") for task in ("faces", "plates", "vehicles")}
    return dict(paths)


def test_missing_weights_are_told_when_it_is_put_together(tmp_path):
    with pytest.raises(ModelMissingError, match="models pull"):
        build_scene_detector(ModelCache(tmp_path))


def test_on_gpus_the_same_is_found_and_jobs_share_runs(tmp_path, own_models, monkeypatch):
    monkeypatch.setattr(networks_module, "provider_options", lambda *_, **__: [("CPUExecutionProvider", {})])
    seen: list[ModelRun] = []
    gpus = Networks(Choice((CpuAsGpu("cuda"),)), batching=Batching(4))
    on_cpu = build_scene_detector(ModelCache(tmp_path), model_paths=own_models)
    on_gpu = build_scene_detector(ModelCache(tmp_path), model_paths=own_models, networks=gpus, on_run=seen.append)
    pictures, queries = [photo(255), photo(10)], [Query(), Query()]

    expected = on_cpu.detect(pictures, queries)

    found = on_gpu.detect(pictures, queries)
    assert [scene.faces is not None and len(scene.faces.detections) for scene in found] == [1, 0]
    for scene, other in zip(found, expected, strict=True):
        assert scene.faces is not None
        assert other.faces is not None
        assert np.array_equal(scene.faces.detections.boxes, other.faces.detections.boxes)
        assert np.array_equal(scene.faces.detections.scores, other.faces.detections.scores)
    assert {run.task for run in seen} >= {"faces", "vehicles"}
    assert max(run.rows for run in seen) == 2
    assert all(run.seconds > 0 for run in seen)
    assert {"decode", "faces", "vehicles", "plates"} <= found[0].seconds.keys()


def test_the_usual_sizes_are_those_of_common_photos_and_of_crops_for_plates():
    assert Size(480, 256) in usual_sizes(Traits.of_card(CENTERFACE))
    assert Size(320, 320) in usual_sizes(Traits.of_card(PLATEDET))
    for card in MODELS:
        sizes = usual_sizes(Traits.of_card(card))
        assert 1 <= len(sizes) <= 8
        assert all(size.width % 32 == 0 and size.height % 32 == 0 for size in sizes)
