import json

import numpy as np
import pytest
from typer.testing import CliRunner

from streetveil.cli import tune as command
from streetveil.cli.main import build_app
from streetveil.detection.models import CENTERFACE, CENTERNET
from streetveil.detection.selftest import Trial, Verdict

VERDICTS = [
    Verdict(CENTERFACE, (Trial("float32", 20.0), Trial("int8", 10.0, 17, 17, 0, 0.95)), "int8"),
    Verdict(CENTERNET, (Trial("float32", 12.0), Trial("int8", 9.0, 3, 4, 0, 0.9, "misses 1 of 4")), "float32"),
]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs `streetveil models tune` without models: what it would have found out is known."""
    monkeypatch.setenv("STREETVEIL_CACHE", str(tmp_path / "cache"))
    tried = []

    def tune(cache, tuning, cards, photos, on_step):
        tried.extend(photos)
        return VERDICTS

    monkeypatch.setattr(command, "_samples", lambda _: [np.zeros((4, 4, 3), np.uint8)])
    monkeypatch.setattr(command, "tune", tune)

    def call(*arguments):
        return CliRunner().invoke(build_app(), ["models", "tune", *arguments]), tried

    return call


def test_the_table_shows_every_variant_and_what_was_picked(run):
    result, _ = run()
    lines = result.stdout.splitlines()

    assert "centerface" in lines[2]
    assert "10.0" in lines[2]
    assert "17/17" in lines[2]
    assert "picked" in lines[2]
    assert "misses 1 of 4" in lines[4]
    assert "picked" in lines[3]


def test_json_can_be_read_by_programs(run):
    result, _ = run("--json")
    report = json.loads(result.stdout)

    assert [model["picked"] for model in report["models"]] == ["int8", "float32"]
    assert report["models"][0]["variants"][1]["ms"] == 10
    assert report["processor"]


def test_own_photos_are_tried_too(run, tmp_path):
    from PIL import Image  # noqa: PLC0415

    for index in range(20):
        Image.new("RGB", (8, 6), (index, 0, 0)).save(tmp_path / f"{index:02}.png")

    _, photos = run("--images", str(tmp_path))

    assert 2 < len(photos) <= 9
    assert photos[1].shape == (6, 8, 3)


def test_a_folder_that_is_not_there_is_named(run, tmp_path):
    result, _ = run("--images", str(tmp_path / "nowhere"))

    assert result.exit_code != 0
    assert "nowhere" in str(result.exception)


def test_reset_says_whether_there_was_anything(run):
    result, photos = run("--reset")

    assert result.exit_code == 0
    assert "Nothing was chosen" in result.stderr
    assert photos == []
