"""The lock files fit together."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z0-9,_-]+\])?==([^ ;\\]+)", re.MULTILINE)


def pinned(name):
    return dict(PINNED.findall((ROOT / name).read_text("utf-8")))


def test_a_gpu_changes_the_runtime_and_nothing_else():
    plain, gpu = pinned("requirements.txt"), pinned("requirements-gpu.txt")

    # both packages install the module onnxruntime, and would overwrite each other's files
    assert "onnxruntime" in plain
    assert "onnxruntime" not in gpu
    assert "onnxruntime-gpu" in gpu
    added = {name for name in gpu.keys() - plain.keys() if not name.startswith("nvidia-")}
    assert added == {"onnxruntime-gpu"}
    assert {name: gpu[name] for name in plain.keys() & gpu.keys()} == {
        name: version for name, version in plain.items() if name != "onnxruntime"
    }


def test_what_runs_is_what_is_tested():
    dev = pinned("requirements-dev.txt")

    for name in ("requirements.txt", "requirements-otel.txt"):
        runs = pinned(name)
        assert {package: dev.get(package) for package in runs} == runs


def test_traces_change_nothing_else():
    plain, otel = pinned("requirements.txt"), pinned("requirements-otel.txt")

    assert {name: otel.get(name) for name in plain} == plain
    assert "opentelemetry-sdk" in otel.keys() - plain.keys()
