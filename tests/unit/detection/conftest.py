from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

ExportModel = Callable[..., Path]


@pytest.fixture
def export_model(tmp_path) -> ExportModel:
    """Writes an ONNX file that looks like an Ultralytics export with one anchor.

    The score of class 0, 1 and 2 is the greatest red, green and blue of the input; the box is always
    (16, 16, 48, 48) in input pixels.
    """

    def export(
        name: str = "model.onnx",
        metadata: Mapping[str, str] | None = None,
        *,
        classes: int = 3,
        shape: tuple[int | str, ...] = ("batch", 3, "height", "width"),
        half: bool = False,
        end_to_end: bool = False,
        extra_channels: int = 0,
    ) -> Path:
        kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
        dtype = np.float16 if half else np.float32
        box = np.array([32, 32, 32, 32], dtype) if not end_to_end else np.array([16, 16, 48, 48], dtype)
        nodes = [
            helper.make_node("ReduceMax", ["images"], ["peaks"], axes=[2, 3], keepdims=0),  # (n, 3)
            helper.make_node("Slice", ["peaks", "zero", "count", "one"], ["scores"]),  # (n, classes)
            helper.make_node("Slice", ["peaks", "zero", "one", "one"], ["red"]),
            helper.make_node("Mul", ["red", "nought"], ["nothing"]),
            helper.make_node("Add", ["nothing", "box"], ["boxes"]),  # (n, 4)
        ]
        constants = [
            numpy_helper.from_array(np.array([0]), "zero"),
            numpy_helper.from_array(np.array([1]), "one"),
            numpy_helper.from_array(np.array([classes]), "count"),
            numpy_helper.from_array(np.array([0], dtype), "nought"),
            numpy_helper.from_array(box[None], "box"),
            numpy_helper.from_array(np.zeros((1, max(extra_channels, 1)), dtype), "masks"),
        ]
        parts = ["boxes", "scores"]
        if end_to_end:
            parts = ["boxes", "red", "nothing"]
        if extra_channels:
            nodes.append(helper.make_node("Add", ["nothing", "masks"], ["coefficients"]))
            parts.append("coefficients")
        nodes.append(helper.make_node("Concat", parts, ["flat"], axis=1))
        nodes.append(helper.make_node("Unsqueeze", ["flat", "axis"], ["output0"]))
        constants.append(numpy_helper.from_array(np.array([1 if end_to_end else 2]), "axis"))
        graph = helper.make_graph(
            nodes,
            "synthetic",
            [helper.make_tensor_value_info("images", kind, shape)],
            [helper.make_tensor_value_info("output0", kind, ["n", "a", "b"])],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        names = dict(enumerate(("face", "license_plate", "car")[:classes]))
        standard = {"task": "detect", "names": str(names), "stride": "32", "imgsz": "[64, 64]", "version": "8.4.0"}
        helper.set_model_props(model, standard if metadata is None else {**standard, **metadata})
        path: Path = tmp_path / name
        path.write_bytes(model.SerializeToString())
        return path

    return export
