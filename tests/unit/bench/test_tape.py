from pathlib import Path

import numpy as np

from streetveil.bench.tape import Run, Tape, recorded
from streetveil.detection.batch_queue import BatchPolicy
from streetveil.detection.batching import BatchedNetwork, Lane
from streetveil.detection.session import Session


class Stub(Session):
    """A session without a model that notes what it is given."""

    def __init__(self):
        self.path = Path("folder/stub-1.onnx")
        self.given: list[np.ndarray] = []


def listening(monkeypatch):
    monkeypatch.setattr(Session, "run", lambda self, tensor: self.given.append(tensor) or [])


def test_runs_are_recorded_with_their_inputs_as_they_were(monkeypatch):
    listening(monkeypatch)
    session, tensor = Stub(), np.zeros(3)

    with recorded() as tape:
        session.run(tensor)
        tensor += 1
        session.run(tensor)
    tape.play()

    assert [run.model for run in tape.runs] == ["stub-1", "stub-1"]
    assert [given.tolist() for given in session.given[2:]] == [[0, 0, 0], [1, 1, 1]]


def test_nothing_is_recorded_afterwards_and_playing_records_nothing(monkeypatch):
    listening(monkeypatch)
    method = Session.run
    session = Stub()

    with recorded() as tape:
        pass
    session.run(np.zeros(1))

    assert tape.runs == []
    assert Session.run is method


def test_what_is_played_is_each_run_once(monkeypatch):
    listening(monkeypatch)
    session = Stub()

    Tape([Run(session, (np.full(1, value),), {}) for value in range(4)]).play()

    assert [int(given[0]) for given in session.given] == [0, 1, 2, 3]


def test_runs_that_jobs_share_are_recorded_as_they_are_handed_in():
    network = BatchedNetwork("stub-2.onnx", [Lane("cpu", lambda tensors: [np.concatenate(tensors)])], BatchPolicy(4, 0))

    with recorded() as tape:
        network.run(np.ones((1, 3, 2, 2)))
    network.close()

    assert [(run.model, run.network) for run in tape.runs] == [("stub-2", network)]
