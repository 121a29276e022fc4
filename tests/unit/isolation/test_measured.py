import json

import pytest

from streetveil.domain.detections import Label
from streetveil.domain.measurements import Measurements, ModelRun
from streetveil.isolation import measured
from streetveil.isolation.frames import BrokenFrameError

TRUE = Measurements(
    seconds={"decode": 0.01, "faces": 0.02},
    found={"faces": ((Label.FACE, 0.75), (Label.FACE, 0.5)), "vehicles": ((Label.BUS, 1.0),), "plates": ()},
    runs=(ModelRun("faces", 1, 0.02), ModelRun("vehicles", 8, 0.1)),
)


def told(**changes):
    return json.loads(json.dumps(measured.as_dict(TRUE) | changes))


def test_what_was_measured_arrives():
    assert measured.read(told()) == TRUE


@pytest.mark.parametrize(
    "changes",
    [
        {"seconds": {"my own stage": 1}},
        {"seconds": {"decode": -1}},
        {"seconds": {"decode": 1e6}},
        {"seconds": {"decode": True}},
        {"seconds": {"decode": "1"}},
        {"seconds": []},
        {"found": {"dogs": []}},
        {"found": {"faces": [["bus", 0.5]]}},
        {"found": {"faces": [["face", 1.5]]}},
        {"found": {"faces": [["face", None]]}},
        {"found": {"faces": [["face"]]}},
        {"found": {"faces": 5}},
        {"found": {"faces": [["face", 0.5]] * 5001}},
        {"runs": [["dogs", 1, 0.1]]},
        {"runs": [["faces", 0, 0.1]]},
        {"runs": [["faces", 10**9, 0.1]]},
        {"runs": [["faces", 1, -0.1]]},
        {"runs": [["faces", 1.5, 0.1]]},
        {"runs": [["faces", 1, 0.1]] * 2001},
        {"runs": None},
    ],
    ids=lambda changes: repr(changes)[:40],
)
def test_what_cannot_have_been_measured_is_refused(changes):
    with pytest.raises(BrokenFrameError):
        measured.read(told(**changes))


def test_infinity_and_what_is_no_object_are_refused():
    endless = json.loads('{"seconds": {"decode": 1e999}, "found": {}, "runs": []}')
    values: list[object] = [endless, None, [], "measured"]
    for value in values:
        with pytest.raises(BrokenFrameError):
            measured.read(value)


def test_of_more_than_is_taken_the_first_is_told():
    many = Measurements(found={"faces": ((Label.FACE, 0.5),) * 6000}, runs=(ModelRun("faces", 1, 0.1),) * 3000)
    assert len(measured.read(measured.as_dict(many)).found["faces"]) == 5000
