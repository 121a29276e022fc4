"""Metrics: what docs/metrics.md says is what there is, and no label can grow without bound."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs
from tests.support.metrics import value, values

from streetveil.domain.detections import Label
from streetveil.domain.measurements import LIMITS, STAGES, Measurements, ModelRun, Task
from streetveil.observability import families
from streetveil.observability.families import FAMILIES
from streetveil.observability.metrics import Metrics, ModelLabels
from streetveil.observability.readings import Reading, disk_readings

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text("utf-8")
MODELS: dict[Task, ModelLabels] = {"faces": ModelLabels("seer", "1.5"), "vehicles": ModelLabels("spotter", "2")}


@pytest.fixture
def metrics():
    return Metrics(component="embedded", version="1.2.3", models=MODELS)


def use_everything(metrics):
    """Makes each metric appear."""
    metrics.uploaded("refused", "queue_full")
    metrics.ended("completed", seconds=2.0)
    metrics.retried("storage_unavailable")
    metrics.stage("queued", 1.0)
    metrics.photo(
        Measurements({"decode": 0.1}, {"faces": ((Label.FACE, 0.75),)}, (ModelRun("faces", 4, 0.01),)),
    )
    for ask in (metrics.storage_asked, metrics.database_asked, metrics.queue_asked):
        ask("put", 0.01, ok=True)
    metrics.request_began()
    metrics.request_ended("GET", "/jobs", 200, 0.01)
    metrics.limited("rate")
    metrics.notified("delivered")
    counted = {family.name for family in metrics_of(metrics)}
    metrics.watch(
        lambda: [
            Reading(family, 1, ("x",) * len(family.labels))
            for family in FAMILIES
            if family.name.removesuffix("_total") not in counted
        ]
    )


def metrics_of(metrics):
    return list(text_string_to_metric_families(metrics.expose()[0].decode()))


def test_the_page_for_operators_names_exactly_what_there_is():
    rows = re.findall(r"^\| `(streetveil_\w+)` \| (\w+) \|([^|]*)\| (.+) \|$", PAGE, re.MULTILINE)
    documented = {(name, kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in rows}
    assert documented == {(family.name, family.kind, family.labels) for family in FAMILIES}
    assert len(rows) == len(FAMILIES)


def test_what_is_told_is_what_the_table_says(metrics):
    use_everything(metrics)
    told = {}
    for family in metrics_of(metrics):
        if family.name.startswith("streetveil_"):
            labels = {frozenset(sample.labels) - {"le"} for sample in family.samples}
            told[family.name] = (family.type, labels)
    assert told == {
        family.name.removesuffix("_total"): (family.kind, {frozenset(family.labels)}) for family in FAMILIES
    }


def test_names_follow_the_conventions_of_prometheus():
    for family in FAMILIES:
        assert re.fullmatch(r"streetveil_[a-z][a-z0-9_]*", family.name)
        assert family.name.endswith("_total") == (family.kind == "counter"), family.name
        assert list(family.buckets) == sorted(family.buckets)
        assert bool(family.buckets) == (family.kind == "histogram")
        assert "tenant" not in family.labels
    assert 60 in families.END_TO_END.buckets


@pytest.mark.parametrize(("heading", "labels"), [("Stages", STAGES), ("Limits", LIMITS)])
def test_every_stage_and_limit_is_documented(heading, labels):
    part = re.split(r"\n##+ ", PAGE.partition(f"### {heading}\n")[2])[0]
    cells = re.findall(r"^\| (`.+?`) \| ", part, re.MULTILINE)
    named = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(labels)


def test_what_a_worker_counts_is_there_before_it_happens(metrics):
    """A counter that appears at 1 did not increase for Prometheus, and nobody would be woken."""
    assert value(metrics, "streetveil_jobs_total", "none", "completed") == 0
    assert value(metrics, "streetveil_jobs_total", "decoder_crashed", "failed") == 0
    assert value(metrics, "streetveil_jobs_total", "internal_error", "failed") == 0
    assert value(metrics, "streetveil_stage_seconds_count", "fetch") == 0
    assert value(metrics, "streetveil_webhook_deliveries_total", "webhook_unreachable", "given_up") == 0
    assert value(Metrics(component="api"), "streetveil_jobs_total", "none", "completed") is None


def test_what_an_api_counts_is_there_before_it_happens():
    for limit in LIMITS:
        assert value(Metrics(component="api"), "streetveil_limit_refusals_total", limit) == 0
    assert value(Metrics(component="worker"), "streetveil_limit_refusals_total", "rate") is None


def test_a_photo_counts_per_class_and_model_also_what_was_not_found(metrics):
    metrics.photo(Measurements(found={"faces": ((Label.FACE, 0.75), (Label.FACE, 0.25)), "vehicles": ()}))
    assert value(metrics, "streetveil_detections_per_photo_sum", "face", "seer", "1.5") == 2
    assert value(metrics, "streetveil_detections_per_photo_count", "bus", "spotter", "2") == 1
    assert value(metrics, "streetveil_detections_per_photo_sum", "bus", "spotter", "2") == 0
    assert value(metrics, "streetveil_detection_confidence_sum", "face", "seer", "1.5") == 1.0


def test_a_model_that_nobody_announced_makes_no_labels(metrics):
    before = metrics.expose()[0].count(b"\n")
    metrics.photo(Measurements(found={"plates": ((Label.LICENSE_PLATE, 0.5),)}, runs=(ModelRun("plates", 1, 0.1),)))
    assert metrics.expose()[0].count(b"\n") == before


def test_methods_that_anyone_can_make_up_share_one_label(metrics):
    for method in ("GET", "BREW", "X" * 1000):
        metrics.request_began()
        metrics.request_ended(method, "other", 405, 0.01)
    assert value(metrics, "streetveil_http_requests_total", "other", "other", "405") == 2
    assert value(metrics, "streetveil_http_requests_in_progress") == 0


def test_what_cannot_be_asked_leaves_the_others(metrics):
    def broken():
        raise RuntimeError("the disk is gone")

    metrics.watch(broken)
    with capture_logs() as logs:
        assert value(metrics, "streetveil_jobs_total", "none", "completed") == 0
    assert [entry["event"] for entry in logs] == ["metrics_not_read"]


def test_processes_side_by_side_count_for_themselves(metrics):
    metrics.ended("completed", seconds=1.0)
    other = Metrics(component="worker")
    assert value(metrics, "streetveil_jobs_total", "none", "completed") == 1
    assert value(other, "streetveil_jobs_total", "none", "completed") == 0


def test_no_number_is_told_for_when_each_counter_was_made(metrics):
    use_everything(metrics)
    assert not [name for name, _ in values(metrics.expose()[0].decode()) if name.endswith("_created")]


def test_the_disk_of_a_folder_is_told(tmp_path):
    free, size = disk_readings(tmp_path)
    assert (free.family, size.family) == (families.DISK_FREE, families.DISK_SIZE)
    assert 0 < free.value <= size.value
