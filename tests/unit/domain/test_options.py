import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streetveil.domain.detections import REDACTABLE, Label
from streetveil.domain.options import JobOptions, MetadataPolicy, Profile, Style
from streetveil.errors import InvalidOptionError

thresholds = st.none() | st.floats(0, 1)
options = st.builds(
    JobOptions,
    classes=st.sets(st.sampled_from(sorted(REDACTABLE)), min_size=1).map(frozenset),
    style=st.sampled_from(Style),
    profile=st.sampled_from(Profile),
    metadata=st.sampled_from(MetadataPolicy),
    face_confidence=thresholds,
    plate_confidence=thresholds,
    car_confidence=thresholds,
)


@given(options)
def test_options_survive_a_job_row(given_options):
    row = json.dumps(given_options.as_dict())

    assert JobOptions.parse(json.loads(row)) == given_options


def test_nothing_given_means_the_defaults():
    assert JobOptions.parse({}) == JobOptions()
    assert JobOptions.parse({"style": None, "face_confidence": None, "classes": None}) == JobOptions()
    assert JobOptions().classes == REDACTABLE


def test_form_fields_are_text():
    parsed = JobOptions.parse(
        {"classes": " face , license_plate", "style": "solid", "profile": "fast", "face_confidence": "0.25"}
    )

    assert parsed == JobOptions(style=Style.SOLID, profile=Profile.FAST, face_confidence=0.25)


@pytest.mark.parametrize("bound", [0, 1, "0", "1", 0.0, 1.0])
def test_the_bounds_of_a_threshold_are_allowed(bound):
    assert JobOptions.parse({"car_confidence": bound}).car_confidence == float(bound)


@pytest.mark.parametrize("name", ["face_confidence", "plate_confidence", "car_confidence"])
@pytest.mark.parametrize("value", [-0.01, 1.01, "1.5", "nan", "inf", "-inf", "1e400", float("nan")])
def test_a_threshold_outside_0_to_1_is_refused(name, value):
    with pytest.raises(InvalidOptionError, match=f"{name} must be from 0 to 1") as caught:
        JobOptions.parse({name: value})
    assert caught.value.code == "invalid_option"


@pytest.mark.parametrize("value", ["", "much", "0,5", "0x1", ["0.5"], "9" * 5000 + "x"])
def test_a_threshold_that_is_no_number_is_refused_in_few_words(value):
    with pytest.raises(InvalidOptionError, match="face_confidence must be a number") as caught:
        JobOptions.parse({"face_confidence": value})
    assert len(caught.value.detail) < 120


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("style", "gaussian, pixelate, solid"),
        ("profile", "accurate, balanced, fast"),
        ("metadata", "keep, keep-except-gps, strip"),
    ],
)
@pytest.mark.parametrize("value", ["", "SOLID", "none", 1.0, "x" * 10_000])
def test_an_unknown_choice_is_refused_with_what_is_allowed(name, allowed, value):
    with pytest.raises(InvalidOptionError, match=f"{name} must be one of {allowed}") as caught:
        JobOptions.parse({name: value})
    assert len(caught.value.detail) < 120


@pytest.mark.parametrize("value", ["", "dog", "face,dog", "face,", "car", ["face", "bus"], [], 1.0, 0, "face;car"])
def test_a_class_that_cannot_be_redacted_is_refused_with_those_that_can(value):
    with pytest.raises(InvalidOptionError, match="classes must be some of face, license_plate"):
        JobOptions.parse({"classes": value})


@pytest.mark.parametrize("value", [frozenset(), frozenset({Label.CAR}), frozenset({Label.FACE, Label.BUS})])
def test_options_made_without_parsing_are_checked_too(value):
    with pytest.raises(InvalidOptionError):
        JobOptions(classes=value)


def test_an_unknown_option_is_refused_by_its_name():
    with pytest.raises(InvalidOptionError, match="unknown option colour"):
        JobOptions.parse({"colour": "red"})
