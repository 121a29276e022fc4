import json

import numpy as np
import pytest
from PIL import Image

from streetveil.errors import UnwritableOutputError


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.jpg", quality=80)
    return str(tmp_path / "photo.jpg")


def test_every_way_is_timed_and_told_apart(streetveil, photo, tmp_path):
    result = streetveil(
        "bench", "redaction", photo, "--repeat", "2", "--regions", "2", "--json", str(tmp_path / "f.json")
    )
    assert result.exit_code == 0
    assert "coefficients" in result.output
    figures = json.loads((tmp_path / "f.json").read_text())
    ways = {way["name"]: way for way in figures["ways"]}
    assert ways["coefficients"]["lossless"] is True
    assert ways["pixels"]["lossless"] is False
    assert ways["full decode"]["bytes"] is None
    assert figures["photo"]["width"] == 320
    assert all(way["core_ms"] > 0 and way["wall_ms"] > 0 for way in ways.values())


def test_json_alone_goes_to_standard_output(streetveil, photo):
    figures = json.loads(streetveil("bench", "redaction", photo, "--repeat", "1", "--json", "-").output)
    assert figures["regions"] == 3


def test_figures_that_cannot_be_written_are_an_error_with_a_code(streetveil, photo, tmp_path):
    refused = streetveil("bench", "redaction", photo, "--repeat", "1", "--json", tmp_path)

    assert isinstance(refused.exception, UnwritableOutputError)
