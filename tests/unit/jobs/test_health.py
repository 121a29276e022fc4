"""Each dependency is asked, and one that fails is named with the reason."""

import shutil

from streetveil.domain.reports import DependencyState
from streetveil.jobs.health import Health


def test_all_is_well(house):
    assert house.health.dependencies() == {
        "database": DependencyState(ok=True),
        "storage": DependencyState(ok=True),
        "queue": DependencyState(ok=True),
    }
    assert house.objects() == set()


def test_what_fails_is_named_with_its_reason(house):
    house.memory.close()
    shutil.rmtree(house.root / "objects")
    (house.root / "objects").write_text("a file where a folder was")
    states = house.health.dependencies()
    assert states["database"].ok
    assert not states["storage"].ok
    assert states["storage"].detail
    assert states["queue"] == DependencyState(
        ok=False, detail="The queue is closed: the service is stopping.", code="queue_unavailable"
    )


def test_an_answer_serves_for_a_while_and_then_is_asked_for_again(house):
    now = [0.0]
    health = Health(**house.adapters, max_age_s=5, monotonic=lambda: now[0])
    assert health.dependencies()["queue"].ok
    house.memory.close()
    now[0] = 4.9
    assert health.dependencies()["queue"].ok
    now[0] = 5.0
    assert not health.dependencies()["queue"].ok
