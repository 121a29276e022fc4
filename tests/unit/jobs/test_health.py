"""Each dependency is asked, and one that fails is named with the reason."""

import shutil

from streetveil.domain.reports import DependencyState


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
    assert states["queue"] == DependencyState(ok=False, detail="The queue is closed: the service is stopping.")
