import numpy as np
import pytest

from streetveil.detection.session import Session, installed_runtime
from streetveil.errors import ModelError


@pytest.fixture
def session(export_model):
    return Session(export_model())


def random(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def test_tensors_run_together_and_answer_as_if_alone(session):
    tensors = [random(rows, 3, 32, 64, seed=rows) for rows in (1, 3, 2)]

    [together] = session.bind()(tensors)

    assert np.array_equal(together, np.concatenate([session.run(tensor)[0] for tensor in tensors]))


def test_missing_rows_are_zeros_whatever_ran_before(session):
    bound = session.bind()
    bound([random(4, 3, 32, 32)])

    [filled] = bound([random(1, 3, 32, 32, seed=1)], rows=4)

    assert np.array_equal(filled[:1], session.run(random(1, 3, 32, 32, seed=1))[0])
    assert np.array_equal(filled[1:], session.run(np.zeros((3, 3, 32, 32), np.float32))[0])


def test_an_answer_is_not_overwritten_by_the_next_run(session):
    bound = session.bind()
    [first] = bound([random(1, 3, 32, 32)])
    kept = first.copy()
    bound([random(1, 3, 32, 32, seed=1)])

    assert np.array_equal(first, kept)


def test_buffers_are_kept_for_few_shapes_only(session):
    bound = session.bind()
    for height in range(1, 60):
        bound([random(1, 3, height, 32)])

    assert len(bound._inputs) == 24


def test_a_refused_tensor_is_a_model_error_and_the_next_one_runs(session):
    bound = session.bind()
    for wrong in (np.zeros((1, 3, 8), np.float32), np.zeros((1, 3, 32, 32), np.float64)):
        with pytest.raises(ModelError, match="failed"):
            bound([wrong])
    [answer] = bound([random(1, 3, 32, 32)])

    assert np.array_equal(answer, session.run(random(1, 3, 32, 32))[0])


def test_a_session_says_which_providers_are_in_force(session):
    assert session.providers == ("CPUExecutionProvider",)


def test_the_installed_runtime_is_named_with_its_package():
    runtime = installed_runtime()

    assert runtime.build.startswith("onnxruntime")
    assert [package.split()[0] for package in runtime.packages] in (["onnxruntime"], ["onnxruntime-gpu"])
    assert "CPUExecutionProvider" in runtime.providers
    assert runtime.missing_library("CPUExecutionProvider") is None


def test_a_provider_that_cannot_be_loaded_is_told_by_the_loaders_own_words(capfd):
    runtime = installed_runtime()
    if "CUDAExecutionProvider" not in runtime.providers:
        assert "libonnxruntime_providers_cuda.so" in str(runtime.missing_library("CUDAExecutionProvider"))
        assert capfd.readouterr() == ("", "")
