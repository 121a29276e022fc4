import ctypes

import pytest

from streetveil.detection.devices import Device, Runtime, choose, gpus_of_driver, provider_options
from streetveil.errors import ConfigurationError

CUDA, TENSORRT, CPU = "CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"


def runtime(*providers, packages=("onnxruntime-gpu 1.31.1",), missing=None):
    return Runtime(packages[0], tuple(packages), frozenset(providers), lambda _: missing)


GPU_BUILD = runtime(TENSORRT, CUDA, CPU)
CPU_BUILD = runtime(CPU, packages=("onnxruntime 1.32.0",))
NO_DRIVER = "there is no NVIDIA driver"


@pytest.mark.parametrize(
    ("wanted", "devices"),
    [
        ("cpu", ["cpu"]),
        ("auto", ["cuda:0", "cuda:1"]),
        ("cuda", ["cuda:0", "cuda:1"]),
        ("CUDA:1", ["cuda:1"]),
        (" cuda:1,0,1 ", ["cuda:1", "cuda:0"]),
        ("tensorrt", ["tensorrt:0", "tensorrt:1"]),
        ("tensorrt:0", ["tensorrt:0"]),
    ],
)
def test_what_is_there_is_used(wanted, devices):
    chosen = choose(wanted, GPU_BUILD, lambda: 2)

    assert [str(device) for device in chosen.devices] == devices
    assert chosen.complaint is None
    assert chosen.on_gpu is (wanted != "cpu")


@pytest.mark.parametrize(
    ("installed", "gpus", "wanted", "complaint"),
    [
        (CPU_BUILD, 2, "cuda", "onnxruntime 1.32.0 is built without cuda: install onnxruntime-gpu in its place"),
        (
            runtime(CPU, packages=("onnxruntime 1.32.0", "onnxruntime-gpu 1.31.1")),
            2,
            "tensorrt",
            "onnxruntime 1.32.0 and onnxruntime-gpu 1.31.1 are both installed and overwrite each other",
        ),
        (GPU_BUILD, NO_DRIVER, "cuda", NO_DRIVER),
        (GPU_BUILD, 2, "cuda:0,2,7", "there is no GPU 2, 7: the driver shows 2, counted from 0"),
        (
            runtime(CUDA, CPU, missing="libcublasLt.so.13: cannot open shared object file"),
            1,
            "cuda",
            "cannot load its part for cuda: libcublasLt.so.13",
        ),
    ],
)
def test_what_is_missing_is_named_and_the_cpu_takes_over(installed, gpus, wanted, complaint):
    chosen = choose(wanted, installed, lambda: gpus)

    assert chosen.devices == (Device("cpu"),)
    assert complaint in (chosen.complaint or "")


@pytest.mark.parametrize(("installed", "gpus"), [(CPU_BUILD, 2), (GPU_BUILD, NO_DRIVER)])
def test_auto_says_nothing_where_nobody_prepared_for_a_gpu(installed, gpus):
    chosen = choose("auto", installed, lambda: gpus)

    assert chosen.devices == (Device("cpu"),)
    assert chosen.complaint is None


def test_auto_complains_where_a_gpu_lies_idle_for_want_of_a_library():
    chosen = choose("auto", runtime(CUDA, CPU, missing="libcudnn.so.9: not found"), lambda: 1)

    assert not chosen.on_gpu
    assert "libcudnn.so.9" in (chosen.complaint or "")


@pytest.mark.parametrize(
    "wanted", ["", "gpu", "cuda:", "cuda:a", "cuda:-1", "cuda:0,,1", "cpu:0", "auto:0", "cuda:9999", "0", "cuda:²"]
)
def test_anything_else_is_refused_with_what_is_allowed(wanted):
    with pytest.raises(ConfigurationError, match=r"auto, cpu, cuda or tensorrt.*cuda:0,1"):
        choose(wanted, GPU_BUILD, lambda: 2)


class Driver:
    """The two calls of the CUDA driver API that count GPUs."""

    def __init__(self, count, *, initialises=0, counts=0):
        self._count = count
        self._initialises = initialises
        self._counts = counts

    def cuInit(self, _flags):  # noqa: N802 - NVIDIA's name
        return self._initialises

    def cuDeviceGetCount(self, target):  # noqa: N802
        ctypes.cast(target, ctypes.POINTER(ctypes.c_int))[0] = self._count
        return self._counts


@pytest.mark.parametrize(
    ("driver", "answer"),
    [
        (Driver(3), 3),
        (Driver(0), "shows this process no GPU"),
        (Driver(0, initialises=100), "shows this process no GPU"),
        (Driver(0, initialises=803), "CUDA error 803"),
        (Driver(0, counts=999), "CUDA error 999"),
    ],
)
def test_the_driver_is_asked_how_many_gpus_there_are(driver, answer):
    found = gpus_of_driver(lambda _: driver)

    assert found == answer if isinstance(answer, int) else answer in str(found)


def test_a_missing_driver_is_said_and_not_thrown():
    def load(name):
        raise OSError(name)

    assert "no NVIDIA driver" in str(gpus_of_driver(load))


def options(device, shape=(None, 3, None, None), **more):
    return dict(
        provider_options(device, input_name="images", input_shape=shape, most_rows=16, **{"engines": None, **more})
    )


def test_cuda_does_not_try_every_algorithm_at_each_new_shape():
    found = options(Device("cuda", 1))

    assert list(found) == [CUDA, CPU]
    assert found[CUDA]["device_id"] == "1"
    assert found[CUDA]["cudnn_conv_algo_search"] == "HEURISTIC"


def test_cuda_computes_with_all_bits_so_that_scores_are_those_of_the_cpu():
    assert options(Device("cuda"))[CUDA]["use_tf32"] == "0"


def test_tensorrt_has_one_engine_for_all_shapes_and_keeps_it(tmp_path):
    found = options(Device("tensorrt"), engines=tmp_path)

    assert list(found) == [TENSORRT, CUDA, CPU]
    assert found[TENSORRT]["trt_profile_min_shapes"] == "images:1x3x32x32"
    assert found[TENSORRT]["trt_profile_opt_shapes"] == "images:16x3x384x640"
    assert found[TENSORRT]["trt_profile_max_shapes"] == "images:16x3x2048x2048"
    assert found[TENSORRT]["trt_engine_cache_path"] == str(tmp_path)


def test_tensorrt_is_told_no_ranges_for_a_model_of_one_shape():
    assert options(Device("tensorrt"), shape=(1, 3, 640, 640))[TENSORRT] == {"device_id": "0"}
