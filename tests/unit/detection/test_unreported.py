"""Vehicles are not looked for where nobody asks for them."""

from streetveil.detection.base import Query, Scene
from streetveil.detection.unreported import UnreportedVehicles
from streetveil.domain.detections import VEHICLES, Label
from streetveil.domain.options import Profile


class Asked:
    """Notes what it is asked."""

    def __init__(self):
        self.queries = []

    def detect(self, pictures, queries):
        self.queries += queries
        return [Scene(None, None, None) for _ in queries]


def test_nothing_but_the_vehicles_is_taken_out_of_a_query():
    asked = Asked()
    query = Query(frozenset({Label.FACE}) | VEHICLES, Profile.FAST, {Label.FACE: 0.4})

    UnreportedVehicles(asked).detect([], [query])

    assert asked.queries == [Query(frozenset({Label.FACE}), Profile.FAST, {Label.FACE: 0.4})]
