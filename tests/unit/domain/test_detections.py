import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streetveil.domain.detections import REDACTABLE, VEHICLES, Detection, Detections, Label
from streetveil.domain.geometry import Box

single = st.builds(
    Detection,
    st.sampled_from(Label),
    st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), *[st.integers(0, 4000)] * 4),
    st.floats(0, 1, width=32),
)


@given(st.lists(single, max_size=20))
def test_everything_put_in_comes_out_best_first(items):
    detections = Detections.of(items)

    assert len(detections) == len(items)
    assert sorted(detections, key=repr) == sorted(items, key=repr)
    assert list(detections) == sorted(items, key=lambda item: -item.score)


@given(st.lists(single, max_size=20), st.floats(0, 1, width=32))
def test_a_threshold_keeps_exactly_the_scores_that_reach_it(items, threshold):
    kept = list(Detections.of(items).at_least(threshold))

    assert [item.score for item in kept] == sorted((i.score for i in items if i.score >= threshold), reverse=True)


def test_nothing_found_is_a_value_like_any_other():
    nothing = Detections.none()

    assert len(nothing) == 0
    assert list(nothing) == []
    assert nothing.boxes.shape == (0, 4)
    assert len(nothing.at_least(0.0)) == 0
    assert len(Detections.of([])) == 0


@pytest.mark.parametrize(
    ("boxes", "scores", "message"),
    [
        ([[0, 0, 1, 1]], [0.5, 0.5], "1 boxes, 2 scores"),
        ([[0, 0, np.nan, 1]], [0.5], "not finite"),
        ([[0, 0, np.inf, 1]], [0.5], "not finite"),
        ([[0, 0, 1, 1]], [np.nan], "not finite"),
        ([[0, 0, 1, 1]], [1.01], "outside 0..1"),
        ([[0, 0, 1, 1]], [-0.01], "outside 0..1"),
        ([[2, 0, 1, 1]], [0.5], "wrong way round"),
        ([[0, 2, 1, 1]], [0.5], "wrong way round"),
    ],
)
def test_what_a_broken_model_may_answer_is_refused(boxes, scores, message):
    with pytest.raises(ValueError, match=message):
        Detections(np.array(boxes, np.float32), np.array(scores, np.float32), (Label.CAR,))


def test_the_arrays_can_neither_be_changed_nor_change_with_their_origin():
    boxes = np.array([[0, 0, 1, 1]], np.float32)
    detections = Detections(boxes, np.array([0.5], np.float32), (Label.FACE,))

    boxes[0, 0] = -7

    assert detections.boxes[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        detections.boxes[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        detections.scores[0] = 1


def test_every_class_is_either_redacted_or_a_vehicle():
    assert set(Label) == REDACTABLE | VEHICLES
    assert not REDACTABLE & VEHICLES
