"""`streetveil detect` with stubbed models."""

import io
import json

import pytest
from PIL import Image

from streetveil.errors import OutputConflictError

pytestmark = pytest.mark.usefixtures("stub_models")


def test_each_photo_is_a_line_of_json_in_the_order_given(streetveil, photo):
    for name in ("b.png", "a.png", "in/c.png"):
        photo(name)

    result = streetveil("detect", "b.png", "a.png", "in")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [line["source"] for line in lines] == ["b.png", "a.png", "in/c.png"]
    assert lines[0] == {
        "source": "b.png",
        "width": 40,
        "height": 30,
        "objects": [
            {"class": "face", "confidence": 0.9, "box": [10.0, 10.0, 20.0, 20.0]},
            {"class": "car", "confidence": 0.6, "box": [1.0, 1.0, 39.0, 29.0]},
        ],
    }


def test_only_the_classes_asked_for_and_vehicles_are_listed(streetveil, photo):
    photo("a.png")

    line = json.loads(streetveil("detect", "a.png", "--classes", "license_plate").stdout)

    assert [found["class"] for found in line["objects"]] == ["car"]


def test_a_photo_that_cannot_be_read_has_its_line_too_and_the_exit_code_is_1(streetveil, photo):
    photo("in/a.png")
    photo("in/b.jpg", b"text")

    result = streetveil("detect", "in")

    good, bad = (json.loads(line) for line in result.stdout.splitlines())
    assert "objects" in good
    assert bad["source"] == "in/b.jpg"
    assert bad["error"]["code"] == "unsupported_format"
    assert result.exit_code == 1
    assert "1 of 2 photos could not be read." in result.stderr


def test_drawings_are_copies_with_boxes(streetveil, photo, tmp_path):
    path = photo("in/sub/a.png")
    photo("in/sub/a.webp", path.read_bytes())

    result = streetveil("detect", "in", "--draw", "drawn")

    assert result.exit_code == 0
    before = Image.open(path).convert("RGB")
    for name in ("a.png.png", "a.webp.png"):
        drawn = Image.open(io.BytesIO((tmp_path / "drawn/sub" / name).read_bytes()))
        assert drawn.size == before.size
        assert drawn.getpixel((1, 15)) == (0x34, 0xC7, 0x59)
        assert drawn.getpixel((10, 15)) == (0xFF, 0x3B, 0x30)
        assert drawn.getpixel((30, 25)) == before.getpixel((30, 25))


def test_a_drawing_never_replaces_a_photo(streetveil, photo):
    original = photo("a.jpg.png")
    before = original.read_bytes()
    photo("a.jpg")

    result = streetveil("detect", "a.jpg", "a.jpg.png", "--draw", ".")

    assert isinstance(result.exception, OutputConflictError)
    assert original.read_bytes() == before


def test_drawings_in_an_earlier_folder_are_not_looked_at(streetveil, photo):
    photo("in/a.png")

    for _ in range(2):
        result = streetveil("detect", "in", "--draw", "in/drawn")
        assert len(result.stdout.splitlines()) == 1


@pytest.mark.parametrize("options", [("--classes", "dog"), ("--face-confidence", "2"), ("--profile", "best")])
def test_an_option_that_is_not_allowed_is_wrong_usage(streetveil, photo, options):
    photo("a.png")

    assert streetveil("detect", "a.png", *options).exit_code == 2
