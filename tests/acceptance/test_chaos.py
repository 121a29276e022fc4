"""API and workers as processes over real servers, harmed in every way we know: nothing accepted is lost.

load-tests/chaos.py does the same for as long as you like; docs/reliability.md has its figures.
"""

import pytest
from tests.support.chaos.cluster import Cluster, Shape
from tests.support.chaos.faults import FAULTS
from tests.support.chaos.photos import PhotoStream
from tests.support.chaos.run import Plan, run

# With this seed the first ten photos hold every kind, and one that is sent again.
PLAN = Plan(seed=7, rate=3, quiet_s=(0.5, 1.0), lasting_s=(0.5, 2.5))


@pytest.fixture(scope="module")
def report(tmp_path_factory, environment, bus, zidane):
    with Cluster(tmp_path_factory.mktemp("chaos"), Shape(apis=1, workers=2), environment) as cluster:
        return run(cluster, PhotoStream([bus, zidane], PLAN.seed), PLAN)


def test_every_accepted_photo_ends_once_and_right_whatever_fails(report):
    """The audit compares jobs, objects and bytes with what was sent; see tests/support/chaos/audit.py."""
    assert report.complaints == []


def test_every_fault_struck_and_work_went_on_after_it(report):
    assert {struck.kind for struck in report.struck} == set(FAULTS)
    # Photos go on arriving for a while after each fault but the last.
    recovered = set(report.recovery_s) | {report.struck[-1].kind}
    assert recovered == set(FAULTS)


def test_the_run_met_what_it_was_made_to_meet(report):
    assert report.completed >= 10
    assert report.failed.keys() == {"undecodable_image"}
    assert report.refused.keys() == {"unsupported_format"}
    assert report.answers["429"] > 0
    assert report.repeated > 0
