import pytest

from streetveil.bench import crowd
from streetveil.domain.access import DEFAULT_TENANT
from streetveil.domain.job import JobStatus
from streetveil.domain.reports import JobFilter
from streetveil.errors import MeasurementError
from streetveil.queue.memory import MemoryConsumer

STOP = MemoryConsumer.stop


def statuses(services):
    return [job.status for job in services.inspect.page(JobFilter(), after=None, limit=100, tenant=DEFAULT_TENANT).jobs]


def test_as_many_jobs_wait_after_a_lap_as_before_and_those_of_the_lap_are_completed(settings, photos, tmp_path):
    with crowd.embedded(settings, photos, tmp_path, 5) as beside_five:
        services = beside_five.services
        assert services.queue.depth() == 5
        assert statuses(services) == [JobStatus.SUBMITTED] * 5

        sample = beside_five.run(1)

        assert sample.photos == crowd.LAP
        assert sample.rate > 0
        assert sample.core_s > 0
        assert services.queue.depth() == 5
        assert sorted(statuses(services)) == [JobStatus.COMPLETED] * crowd.LAP + [JobStatus.SUBMITTED] * 5


def test_the_crowd_grows_from_size_to_size(settings, photos, tmp_path):
    depths = [
        (beside.waiting, beside.services.queue.depth())
        for beside in crowd.on_servers(settings, photos, tmp_path, [3, 7])
    ]

    assert depths == [(3, 3), (7, 7)]


def test_nobody_works_on_once_the_measurement_has_failed(settings, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(crowd, "_PATIENCE_S", 0)
    stopped = []
    with crowd.embedded(settings, photos, tmp_path, 3) as beside_three:
        monkeypatch.setattr(MemoryConsumer, "stop", lambda self, deadline_s: stopped.append(STOP(self, 60)))

        with pytest.raises(MeasurementError, match="did not give out"):
            beside_three.run(1)

    assert stopped == [True]
