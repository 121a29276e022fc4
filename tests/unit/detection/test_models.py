import re
from pathlib import Path

import pytest

from streetveil.detection.conversion.convert import CONVERTERS
from streetveil.detection.decoders import DECODERS
from streetveil.detection.models import CATALOGUE, MODELS
from streetveil.domain.detections import Label


def test_every_class_of_the_product_is_found_by_exactly_one_default_model():
    labels = [label for card in MODELS for label in card.labels]

    assert sorted(labels) == sorted(Label)


def test_names_are_unique():
    assert len({card.name for card in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("card", CATALOGUE, ids=lambda card: card.name)
def test_every_file_has_a_digest_a_size_and_a_licence(card):
    assert card.licence
    for member in card.members:
        assert re.fullmatch(r"[0-9a-f]{64}", member.sha256)
        assert member.size > 0
    assert len({member.name for member in card.members}) == len(card.members)


@pytest.mark.parametrize("card", CATALOGUE, ids=lambda card: card.name)
def test_packages_are_pinned_and_no_registry_is_named(card):
    assert re.fullmatch(r"\d+(\.\d+)+", card.source.version)
    assert "/" not in card.source.package.removeprefix("@vladmandic/")
    assert ":" not in card.source.package


@pytest.mark.parametrize("card", MODELS, ids=lambda card: card.name)
def test_every_model_can_be_converted_and_decoded(card):
    assert card.converter in CONVERTERS
    assert card.family in DECODERS
    assert 0 < card.default_threshold < 1


def test_the_licence_of_the_plate_model_is_told():
    (plates,) = (card for card in MODELS if card.task == "plates")

    assert plates.licence == "AGPL-3.0"
    assert plates.licence_note


@pytest.mark.parametrize("card", CATALOGUE, ids=lambda card: card.name)
def test_the_documentation_tells_what_the_catalogue_does(card):
    told = (Path(__file__).parents[3] / "docs" / "models.md").read_text("utf-8")

    separator = "==" if card.source.registry == "pypi" else "@"
    assert f"`{card.source.package}{separator}{card.source.version}`" in told
    for member in card.members:
        assert f"| `{member.name}` | `{member.sha256}` |" in told
    if card in MODELS:
        (row,) = (
            line for line in told.splitlines() if line.startswith(f"| `{card.name}` |") and card.source.version in line
        )
        assert card.licence in row
        assert row.endswith(f"| {card.default_threshold:g} |")
