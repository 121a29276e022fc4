import pytest

from streetveil.bench.client import State
from streetveil.bench.photos import Uploads
from streetveil.bench.service import RunningService
from streetveil.errors import MeasurementError


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.now = 1000.0

    def time(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    monotonic = process_time = time


class StubService:
    """Works on one photo after the other, half a second on each, and burns a quarter of a second of a core."""

    def __init__(self, clock, fails=(), never=()):
        self._clock = clock
        self._fails = fails
        self._never = never
        self.upload_s = [0.01]
        self.done_at: dict[str, float] = {}
        self.erased: list[str] = []
        self.most_waiting = 0

    def upload(self, photo):
        begin = max([self._clock.now, *self.done_at.values()])
        job_id = str(len(self.done_at))
        self.done_at[job_id] = begin + 0.5
        self.most_waiting = max(self.most_waiting, sum(at > self._clock.now for at in self.done_at.values()))
        return job_id

    def state(self, job_id):
        if int(job_id) in self._fails:
            return State("failed", self._clock.now)
        if int(job_id) in self._never:
            return State("submitted", 1000.0)
        done_at = self.done_at[job_id]
        return State("completed" if done_at <= self._clock.now else "processing", done_at)

    def erase(self, job_id):
        self.erased.append(job_id)

    def close(self):
        pass

    def core_seconds(self, pids):
        last = max([1000.0, *self.done_at.values()])
        return 0.5 * (min(self._clock.now, last) - 1000.0)


@pytest.fixture
def start(monkeypatch, photos):
    def start(**how):
        clock = Clock()
        stub = StubService(clock, **how)
        monkeypatch.setattr("streetveil.bench.service.time", clock)
        monkeypatch.setattr("streetveil.bench.service.core_seconds", stub.core_seconds)
        monkeypatch.setattr("streetveil.bench.service.Client", lambda url, fields: stub)
        monkeypatch.setattr("streetveil.bench.service.family", lambda pid: [pid])
        program = type("P", (), {"url": "http://127.0.0.1:1", "pid": 1, "complaints": lambda self: "out of ink"})()
        return RunningService("service", 1, {"service": program}, Uploads(photos), lap=2), stub

    return start


def test_the_rate_is_that_of_the_service_however_seldom_it_is_asked(start):
    service, _ = start()

    sample = service.run(3)

    assert sample.photos == 6
    assert sample.rate == pytest.approx(2.0)
    assert sample.core_ms == pytest.approx(250.0)


def test_some_photos_wait_all_the_time_and_none_is_left_behind(start):
    service, stub = start()

    service.run(3)

    assert stub.most_waiting >= 3
    assert set(stub.erased) == set(stub.done_at)


def test_a_photo_that_fails_ends_the_measurement(start):
    service, _ = start(fails=[2])

    with pytest.raises(MeasurementError, match=r"failed in the service\.\nout of ink"):
        service.run(3)


def test_a_photo_that_is_never_done_hides_no_others(start):
    service, stub = start(never=[1])

    assert service.run(3).photos == 6
    assert "1" in stub.erased
