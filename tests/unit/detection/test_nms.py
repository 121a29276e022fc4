import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streetveil.detection.decoders import Candidates
from streetveil.detection.nms import join_cut, suppress

NO, YES = False, True


def candidates(*rows):
    boxes, scores, classes = zip(*rows, strict=True)
    return Candidates(np.array(boxes, np.float32), np.array(scores, np.float32), np.array(classes, np.intp))


def test_of_overlapping_boxes_of_a_class_the_best_stays():
    found = candidates(([0, 0, 10, 10], 0.5, 0), ([1, 0, 11, 10], 0.9, 0), ([40, 0, 50, 10], 0.3, 0))
    assert suppress(found, 0.5).tolist() == [1, 2]


def test_boxes_of_different_classes_do_not_suppress_each_other():
    found = candidates(([0, 0, 10, 10], 0.5, 0), ([0, 0, 10, 10], 0.9, 1))
    assert sorted(suppress(found, 0.5).tolist()) == [0, 1]


def test_nothing_in_is_nothing_out():
    empty = Candidates.concatenated([])
    assert len(suppress(empty, 0.5)) == 0
    assert len(join_cut(empty, np.empty((0, 4), np.bool_))[0]) == 0


_BOX = st.tuples(*[st.integers(0, 60)] * 2, *[st.integers(1, 40)] * 2).map(
    lambda box: [box[0], box[1], box[0] + box[2], box[1] + box[3]]
)


@settings(deadline=None)
@given(st.lists(st.tuples(_BOX, st.integers(0, 100), st.integers(0, 1)), min_size=1, max_size=30))
def test_suppression_leaves_no_duplicates_and_drops_only_duplicates(rows):
    found = candidates(*[(box, score / 100, label) for box, score, label in rows])
    keep = suppress(found, 0.5).tolist()

    def duplicates(i, j):
        a, b = found.boxes[i].astype(float), found.boxes[j].astype(float)
        sides = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
        shared = sides[0] * sides[1]
        union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared
        return found.classes[i] == found.classes[j] and shared >= 0.5 * union

    assert not any(duplicates(i, j) for i in keep for j in keep if i != j)
    for dropped in set(range(len(found))) - set(keep):
        assert any(duplicates(dropped, k) and found.scores[k] >= found.scores[dropped] for k in keep)


def test_a_piece_inside_the_whole_object_is_taken_in():
    found = candidates(([0, 0, 100, 50], 0.6, 0), ([80, 0, 102, 50], 0.9, 0))
    joined, _ = join_cut(found, np.array([[NO] * 4, [YES, NO, NO, NO]]))
    assert joined.boxes.tolist() == [[0, 0, 102, 50]]
    assert joined.scores.tolist() == [np.float32(0.9)]


def test_halves_cut_from_opposite_sides_become_one():
    found = candidates(([300, 100, 640, 200], 0.6, 0), ([480, 104, 900, 198], 0.7, 0))
    joined, _ = join_cut(found, np.array([[NO, NO, YES, NO], [YES, NO, NO, NO]]))
    assert joined.boxes.tolist() == [[300, 100, 900, 200]]


def test_neighbours_at_a_border_that_were_not_cut_stay_two():
    found = candidates(([300, 100, 640, 200], 0.6, 0), ([480, 104, 900, 198], 0.7, 0))
    joined, _ = join_cut(found, np.zeros((2, 4), np.bool_))
    assert len(joined) == 2


@settings(deadline=None)
@given(st.lists(st.tuples(_BOX, st.tuples(*[st.booleans()] * 4)), min_size=1, max_size=20))
def test_joining_never_uncovers_anything(rows):
    found = candidates(*[(box, 0.5, 0) for box, _ in rows])
    joined, cut = join_cut(found, np.array([flags for _, flags in rows]))
    assert len(joined) == len(cut) >= 1
    for x1, y1, x2, y2 in found.boxes.tolist():
        assert any(a <= x1 and b <= y1 and c >= x2 and d >= y2 for a, b, c, d in joined.boxes.tolist())
