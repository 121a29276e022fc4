import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from streetveil.detection.session import Session
from streetveil.errors import ModelError, ModelMissingError


def test_a_session_tells_what_the_file_says_about_itself(export_model):
    session = Session(export_model())
    assert session.input.name == "images"
    assert session.input.shape == (None, 3, None, None)
    assert session.input.dtype is np.float32
    assert session.metadata["task"] == "detect"
    assert [port.name for port in session.outputs] == ["output0"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelMissingError, match=r"nowhere\.onnx"):
        Session(tmp_path / "nowhere.onnx")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x09" * 500])
def test_a_file_that_is_no_model_is_a_model_error(tmp_path, content):
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        Session(path)


def test_a_tensor_the_model_refuses_is_a_model_error(export_model):
    with pytest.raises(ModelError, match="failed"):
        Session(export_model()).run(np.zeros((1, 3, 8), np.float32))


def test_threads_share_one_session(export_model):
    session = Session(export_model())

    def run(value):
        return float(session.run(np.full((1, 3, 64, 64), value, np.float32))[0][0, 4, 0])

    values = [index / 64 for index in range(64)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(run, values)) == values


def test_the_runtime_tells_nobody_what_it_does(tmp_path):
    # Its telemetry would keep an identifier of this machine and a database of events below HOME.
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "OPENBLAS_NUM_THREADS": "1"}
    program = "import os, streetveil.detection.session; print(len(os.listdir('/proc/self/task')))"
    ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "1"
    assert list(tmp_path.rglob("*")) == []
