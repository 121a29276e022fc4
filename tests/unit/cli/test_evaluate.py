"""`streetveil evaluate` with stubbed models: what it measures, prints and writes."""

import json

import pytest
import structlog

from streetveil import bootstrap
from streetveil.errors import DatasetError, UnwritableOutputError

pytestmark = pytest.mark.usefixtures("stub_models")

# The stub finds a face at 10, 10, 20, 20 in pictures of 40 x 30.
FOUND = "0 0.375 0.5 0.25 0.333333"
ELSEWHERE = "0 0.875 0.166667 0.25 0.333333"


@pytest.fixture
def dataset(photo, tmp_path):
    """Four photos of one face each; in one it is where nothing is found."""
    for number, label in enumerate((FOUND, FOUND, FOUND, ELSEWHERE)):
        photo(f"set/faces/images/{number}.png")
        path = tmp_path / f"set/faces/labels/{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(label + "\n")
    (tmp_path / "set/dataset.yaml").write_text("names: [face]\nsubsets: {faces: {labelled: [face]}}\n")
    return "set"


def test_covered_and_missed_faces_are_counted(streetveil, dataset):
    result = streetveil("evaluate", dataset)

    assert result.exit_code == 0, result.output
    [row] = [line.split() for line in result.stdout.splitlines() if line.startswith("faces")]
    assert row[:7] == ["faces", "face", "4", "3", "0", "1", "25.0%"]
    assert "4 photos, profile balanced" in result.stdout


def test_the_figures_can_be_had_as_json_alone_or_beside_the_table(streetveil, dataset, tmp_path):
    alone = json.loads(streetveil("evaluate", dataset, "--json", "-", "--profile", "fast").stdout)
    beside = streetveil("evaluate", dataset, "--json", "figures.json", "--profile", "fast")

    assert (alone["dataset"], alone["profile"]) == ("set", "fast")
    written = json.loads((tmp_path / "figures.json").read_text())
    assert written.keys() == alone.keys()
    assert "missed" in beside.stdout


def test_what_is_logged_is_no_part_of_the_json(streetveil, dataset, monkeypatch):
    build = bootstrap.build_anonymiser

    def warned(settings, **choices):
        structlog.get_logger("streetveil").warning("gpu_unavailable")
        return build(settings, **choices)

    monkeypatch.setattr(bootstrap, "build_anonymiser", warned)
    result = streetveil("evaluate", dataset, "--json", "-")

    assert json.loads(result.stdout)
    assert "gpu_unavailable" in result.stderr


def test_a_limit_takes_photos_spread_over_the_subset(streetveil, dataset):
    assert "2 photos, " in streetveil("evaluate", dataset, "--limit", "2").stdout


def test_a_class_that_is_not_labelled_or_not_known_is_told(streetveil, dataset):
    assert isinstance(streetveil("evaluate", dataset, "--classes", "license_plate").exception, DatasetError)
    unknown = streetveil("evaluate", dataset, "--classes", "dog")
    assert unknown.exit_code == 2
    assert "face, license_plate, car" in unknown.stderr


def test_figures_that_cannot_be_written_are_an_error_with_a_code(streetveil, dataset, tmp_path):
    result = streetveil("evaluate", dataset, "--json", tmp_path)

    assert isinstance(result.exception, UnwritableOutputError)
