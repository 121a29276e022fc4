import math

import numpy as np
import pytest

from streetveil.detection.decoders import (
    decode_centerface,
    decode_centernet,
    decode_ultralytics,
    decode_yolo_dfl,
)
from streetveil.domain.geometry import Size
from streetveil.errors import ModelError, UnsupportedModelError

SIZE = Size(64, 32)
HALF = np.array([0.5], np.float32)


def _maps(*channels, cells=(8, 16)):
    return [np.zeros((1, count, *cells), np.float32) for count in channels]


def test_centerface_puts_a_face_at_its_cell_with_its_size():
    heatmap, size, offset = _maps(1, 2, 2)
    heatmap[0, 0, 3, 5] = 0.9
    size[0, :, 3, 5] = math.log(4), math.log(2)  # cells high, cells wide
    offset[0, :, 3, 5] = 0.25, -0.25
    [found] = decode_centerface([heatmap, size, offset], SIZE, HALF)
    x, y = (5 - 0.25 + 0.5) * 4, (3 + 0.25 + 0.5) * 4
    assert found.boxes[0] == pytest.approx([x - 4, y - 8, x + 4, y + 8])
    assert found.scores[0] == pytest.approx(0.9)


def test_a_size_beyond_all_bounds_stays_a_number():
    heatmap, size, offset = _maps(1, 2, 2)
    heatmap[0, 0, 0, 0] = 0.9
    size[...] = 1000
    [found] = decode_centerface([heatmap, size, offset], SIZE, HALF)
    assert np.isfinite(found.boxes).all()


def test_centernet_counts_only_the_peak_of_each_neighbourhood():
    scores, distances = _maps(4, 4)
    scores[0, 2, 4, 6], scores[0, 2, 4, 7] = 0.8, 0.7
    scores[0, 0, 4, 6] = 0.6
    distances[0, :, 4, 6] = 10, 8, 12, 6
    [found] = decode_centernet([scores, distances], SIZE, np.full(4, 0.5, np.float32))
    assert sorted(found.classes.tolist()) == [0, 2]
    assert found.boxes[0] == pytest.approx([24 - 10, 16 - 8, 24 + 12, 16 + 6])


def test_each_class_has_its_own_threshold():
    scores, distances = _maps(4, 4)
    scores[0, :, 2, 2] = 0.4
    [found] = decode_centernet([scores, distances], SIZE, np.array([0.5, 0.3, np.inf, 0.41], np.float32))
    assert found.classes.tolist() == [1]


def test_dfl_distances_are_the_expectation_over_the_bins():
    sides, logits = np.zeros((1, 64, 4, 8), np.float32), np.full((1, 1, 4, 8), -20, np.float32)
    logits[0, 0, 1, 2] = 2.0
    bins = sides[0, :, 1, 2].reshape(4, 16)
    for side, distance in enumerate((1, 2, 3, 4)):
        bins[side, distance] = 50
    sides[0, :, 1, 2] = bins.ravel()
    empty = [np.zeros((1, 64, 2, 4), np.float32), np.full((1, 1, 2, 4), -20, np.float32)]
    [found] = decode_yolo_dfl([sides, logits, *empty], SIZE, HALF)
    x, y = 2.5 * 8, 1.5 * 8
    assert found.boxes[0] == pytest.approx([x - 8, y - 16, x + 24, y + 32], abs=1e-3)
    assert found.scores[0] == pytest.approx(1 / (1 + math.exp(-2)))


@pytest.mark.parametrize("masks", [0, 32])
def test_ultralytics_anchors_become_corners(masks):
    output = np.zeros((1, 4 + 2 + masks, 7), np.float32)
    output[0, :4, 3] = 20, 10, 8, 4
    output[0, 5, 3] = 0.9
    output[0, 6:] = 99
    [found] = decode_ultralytics([output], SIZE, np.full(2, 0.5, np.float32))
    assert found.boxes.tolist() == [[16, 8, 24, 12]]
    assert found.classes.tolist() == [1]


def test_ultralytics_rows_without_suppression_are_read():
    output = np.zeros((1, 300, 6), np.float32)
    output[0, 0] = 1, 2, 11, 12, 0.9, 1
    output[0, 1] = 1, 2, 11, 12, 0.9, 77  # a class the model does not have
    [found] = decode_ultralytics([output], SIZE, np.full(2, 0.5, np.float32))
    assert found.boxes.tolist() == [[1, 2, 11, 12]]


def test_an_output_of_another_family_is_refused_with_the_shapes():
    with pytest.raises(UnsupportedModelError, match="25200"):
        decode_ultralytics([np.zeros((1, 25200, 85), np.float32)], SIZE, np.full(80, 0.5, np.float32))


@pytest.mark.parametrize(
    ("decode", "shapes"),
    [
        (decode_centerface, [(1, 1, 8, 16), (1, 2, 8, 16), (1, 2, 8, 16)]),
        (decode_centernet, [(1, 1, 8, 16), (1, 4, 8, 16)]),
        (decode_yolo_dfl, [(1, 64, 4, 8), (1, 1, 4, 8)]),
        (decode_ultralytics, [(1, 5, 10)]),
    ],
)
def test_scores_that_are_no_numbers_are_an_error_and_not_an_empty_answer(decode, shapes):
    with pytest.raises(ModelError, match="not numbers"):
        decode([np.full(shape, np.nan, np.float32) for shape in shapes], SIZE, HALF)


def test_the_pictures_of_a_batch_are_kept_apart():
    output = np.zeros((2, 5, 4), np.float32)
    output[1, :, 0] = 20, 10, 8, 4, 0.9
    first, second = decode_ultralytics([output], SIZE, HALF)
    assert (len(first), len(second)) == (0, 1)
