"""Models on devices. A "GPU" here is ONNX Runtime's CPU provider behind the code that batches for GPUs."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from structlog.testing import capture_logs

from streetveil.detection import networks as module
from streetveil.detection.batching import BatchedNetwork, BatchRun
from streetveil.detection.devices import Choice, Device
from streetveil.detection.networks import Batching, Networks
from streetveil.detection.session import BoundRun, Session
from streetveil.domain.geometry import Size
from streetveil.errors import ModelError, ModelMissingError


class CpuAsGpu(Device):
    provider = "CPUExecutionProvider"
    memory = "cpu"


@pytest.fixture
def gpus(monkeypatch):
    monkeypatch.setattr(module, "provider_options", lambda device, **_: [("CPUExecutionProvider", {})])
    return Choice((CpuAsGpu("cuda", 0), CpuAsGpu("cuda", 1)))


def random(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def test_on_a_cpu_every_job_runs_its_own(export_model):
    assert isinstance(Networks().open(export_model()), Session)


def test_each_run_that_no_other_shares_is_told_too(export_model):
    seen: list[BatchRun] = []
    network = Networks().open(export_model(), on_batch=seen.append)
    with capture_logs():
        network.run(np.zeros((2, 3, 32, 32), np.float32))
    assert [(run.device, run.rows, run.tensors) for run in seen] == [("cpu", 2, 1)]
    assert seen[0].seconds > 0


def test_on_a_cpu_runs_are_shared_where_that_is_asked_for(export_model):
    seen: list[BatchRun] = []
    path = export_model()
    network = Networks(batching=Batching(4, 0.002), lanes=2).open(path, on_batch=seen.append)
    tensors = [random(1, 3, 32, 32, seed=seed) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(network.run, tensors))

    assert isinstance(network, BatchedNetwork)
    for tensor, [answer] in zip(tensors, answers, strict=True):
        assert np.array_equal(answer, Session(path).run(tensor)[0])
    network.close()
    assert sum(run.rows for run in seen) == 40
    assert {run.device for run in seen} == {"cpu"}


def test_on_gpus_runs_are_shared_and_rows_are_powers_of_two(export_model, gpus, monkeypatch):
    shapes = []
    inner = BoundRun.__call__

    def spied(self, tensors, *, rows=0):
        shapes.append(rows)
        return inner(self, tensors, rows=rows)

    monkeypatch.setattr(BoundRun, "__call__", spied)
    path = export_model()
    network = Networks(gpus, batching=Batching(6)).open(path)
    tensor = random(11, 3, 32, 32)

    [answer] = network.run(tensor)

    assert np.array_equal(answer, Session(path).run(tensor)[0])
    assert sorted(shapes) == [6, 6]


def test_on_gpus_usual_shapes_are_tried_out_before_the_first_job(export_model, gpus, monkeypatch):
    shapes = []
    inner = BoundRun.__call__

    def spied(self, tensors, *, rows=0):
        shapes.append((rows, *tensors[0].shape[2:]))
        return inner(self, tensors, rows=rows)

    monkeypatch.setattr(BoundRun, "__call__", spied)
    Networks(gpus, batching=Batching(5)).open(export_model(), [Size(64, 32), Size(32, 96)])

    once = [(rows, *sides) for sides in ((32, 64), (96, 32)) for rows in (1, 2, 4, 5)]
    assert shapes == once * 2


def test_a_model_for_one_picture_at_a_time_is_given_one(export_model, gpus):
    seen: list[BatchRun] = []
    path = export_model(shape=(1, 3, 32, 32))
    network = Networks(gpus).open(path, [Size(32, 32)], on_batch=seen.append)
    tensors = [random(1, 3, 32, 32, seed=seed) for seed in range(12)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(network.run, tensors))

    for tensor, [answer] in zip(tensors, answers, strict=True):
        assert np.array_equal(answer, Session(path).run(tensor)[0])
    assert {run.rows for run in seen} == {1}


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_gpu_that_onnx_runtime_silently_leaves_out_is_told_once_and_the_cpu_takes_over(export_model):
    networks = Networks(Choice((Device("cuda"),)))
    with capture_logs() as logs:
        opened = [networks.open(export_model(name)) for name in ("a.onnx", "b.onnx")]

    assert all(isinstance(network, Session) for network in opened)
    assert not networks.on_gpu
    [warning] = logs
    assert warning["event"] == "gpu_unavailable"
    assert "could not start CUDAExecutionProvider on cuda:0" in warning["detail"]


def test_a_gpu_that_fails_when_it_is_tried_out_is_told_and_the_cpu_takes_over(export_model, gpus, monkeypatch):
    def fails(self, tensors, *, rows=0):
        raise ModelError("out of memory")

    monkeypatch.setattr(BoundRun, "__call__", fails)
    with capture_logs() as logs:
        network = Networks(gpus).open(export_model(), [Size(32, 32)])

    assert isinstance(network, Session)
    assert [(entry["event"], entry["detail"]) for entry in logs] == [("gpu_unavailable", "out of memory")]


def test_a_gpu_that_fails_later_loses_no_job(export_model, gpus, monkeypatch):
    path = export_model()
    network = Networks(gpus).open(path)
    inner = BoundRun.__call__

    def fails(self, tensors, *, rows=0):
        raise RuntimeError("device lost")

    monkeypatch.setattr(BoundRun, "__call__", fails)
    with capture_logs() as logs:
        [answer] = network.run(random(3, 3, 32, 32))
    monkeypatch.setattr(BoundRun, "__call__", inner)

    assert np.array_equal(answer, Session(path).run(random(3, 3, 32, 32))[0])
    assert {entry["event"] for entry in logs} == {"ran_elsewhere"}


def test_what_no_engine_was_built_for_runs_on_the_cpu(export_model, gpus):
    seen: list[BatchRun] = []
    choice = Choice((CpuAsGpu("tensorrt", 0),))
    path = export_model()
    network = Networks(choice).open(path, on_batch=seen.append)
    strip = random(1, 3, 32, 2080)

    assert np.array_equal(network.run(strip)[0], Session(path).run(strip)[0])
    assert [run.device for run in seen] == ["cpu"]


def test_an_engine_belongs_to_one_file_and_its_folder_may_be_read_only(export_model, tmp_path):
    networks = Networks(engines=tmp_path / "tensorrt")
    first = networks._engine_folder(export_model())
    other = networks._engine_folder(export_model(metadata={"version": "9"}))

    assert first != other
    assert first is not None
    assert first.is_dir()
    (tmp_path / "file").touch()
    with capture_logs() as logs:
        assert Networks(engines=tmp_path / "file")._engine_folder(export_model()) is None
    assert [entry["event"] for entry in logs] == ["engines_not_kept"]


def test_a_missing_file_stays_a_missing_file_on_every_device(tmp_path, gpus):
    with pytest.raises(ModelMissingError):
        Networks(gpus).open(tmp_path / "nowhere.onnx")


def test_a_complaint_is_told_at_once():
    with capture_logs() as logs:
        Networks(Choice((Device(),), "there is no NVIDIA driver"))

    assert [(entry["event"], entry["detail"]) for entry in logs] == [("gpu_unavailable", "there is no NVIDIA driver")]
