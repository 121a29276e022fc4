"""Traces from the upload through the queue to the result, as a collector receives them."""

import io
import itertools
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import pytest
from PIL import Image
from tests.support.otlp import Collector

from streetveil import bootstrap
from streetveil.domain.measurements import STAGES, Measurements
from streetveil.errors import ConfigurationError
from streetveil.observability.tracing import Traces

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{CALLER}-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def told(open_embedded, tmp_path_factory):
    """Spans of one service in which a photo was redacted, one failed, and others asked; and the ids of the two jobs."""
    photo = io.BytesIO()
    Image.new("RGB", (160, 120), (90, 120, 150)).save(photo, "JPEG")
    with Collector() as collector, variables(OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint):
        with (
            closing(Traces(component="embedded", version="1.2.3")) as traces,
            open_embedded(tmp_path_factory.mktemp("traced") / "data", traces=traces) as service,
        ):
            service.client.headers.update({"traceparent": TRACEPARENT, "X-Request-ID": "r-1"})
            good = service.upload(photo.getvalue())
            service.finished(good)
            service.client.headers.pop("traceparent")
            broken = service.upload(photo.getvalue()[:-20])
            service.finished(broken)
            service.client.get("/health/live")
            service.client.get("/status/nothing")
            service.client.get("/no/such/secret-page")
            service.client.request("BREW-SECRET", "/stats")
        yield collector, good, broken


@contextmanager
def variables(**environment):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


def built(component):
    traces = bootstrap.build_traces(component=component)
    assert traces is not None
    return traces


def of_job(collector, job_id):
    """Its process span, and those within it."""
    spans = collector.spans()
    [process] = [span for span in spans if span.attributes.get("streetveil.job_id") == job_id]
    return process, [span for span in spans if span.parent == process.id]


def test_one_trace_leads_from_the_callers_request_through_the_queue_to_the_result(told):
    collector, good, _ = told
    process, parts = of_job(collector, good)
    spans = {span.name: span for span in collector.spans() if span.trace == CALLER}
    upload = spans["POST /upload"]
    assert upload.parent == "00f067aa0ba902b7"
    assert (spans["queued"].parent, process.parent, process.trace) == (upload.id, upload.id, CALLER)
    names = [span.name for span in parts]
    assert {"claim", "fetch", "decode", "redact", "store", "record"} <= set(names)
    assert names == [stage for stage in STAGES if stage in names]
    assert all(process.start <= span.start <= span.end <= process.end for span in parts)
    assert all(before.end <= after.start for before, after in itertools.pairwise(parts))


def test_spans_have_the_ids_of_the_log_and_how_it_ended(told):
    collector, good, broken = told
    process, _ = of_job(collector, good)
    assert process.attributes == {
        "streetveil.job_id": good,
        "streetveil.request_id": "r-1",
        "streetveil.tenant": "default",
        "streetveil.status": "completed",
    }
    failed, _ = of_job(collector, broken)
    assert (failed.attributes["streetveil.code"], failed.ok, process.ok) == ("undecodable_image", False, True)
    [upload] = [span for span in collector.spans() if span.trace == CALLER and span.name == "POST /upload"]
    assert upload.attributes["http.response.status_code"] == 202
    assert upload.attributes["streetveil.tenant"] == "default"
    assert failed.trace != CALLER


def test_what_asks_for_health_is_no_span_and_addresses_are_not_told(told):
    collector, *_ = told
    names = {span.name for span in collector.spans()}
    assert "GET /status/{job_id}" in names
    assert not [name for name in names if "health" in name or "secret-page" in name]
    assert "secret-page" not in str(collector.spans())
    [brewed] = [span for span in collector.spans() if span.name == "HTTP /stats"]
    assert brewed.attributes["http.request.method"] == "_OTHER"
    assert "SECRET" not in str(collector.spans())
    assert collector.paths() == {"/v1/traces"}
    assert {span.service for span in collector.spans()} == {"streetveil-embedded"}


def test_the_operators_name_for_the_service_counts(monkeypatch):
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        monkeypatch.setenv("OTEL_SERVICE_NAME", "photos")
        with closing(built("api")) as traces, traces.request("GET", None) as answered:
            answered("/jobs", 200)
        assert [(span.name, span.service) for span in collector.spans()] == [("GET /jobs", "photos")]


def test_stages_stand_in_their_order_however_they_are_reported(monkeypatch):
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        with closing(built("worker")) as traces:
            told = Measurements({"decode": 0.01, "redact": 0.02, "plates": 0.03, "faces": 0.04})
            traces.around(lambda _: traces.photo(told))("a-job")
        names = [span.name for span in collector.spans() if span.name != "process"]
    assert names == ["decode", "faces", "plates", "redact"]


def test_of_an_error_only_its_kind_is_told(monkeypatch):
    def broken(job_id):
        raise ValueError("a secret")

    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        with closing(built("worker")) as traces, pytest.raises(ValueError, match="secret"):
            traces.around(broken)("a-job")
        [span] = collector.spans()
    assert (span.ok, span.attributes["error.type"]) == (False, "ValueError")
    assert "a secret" not in str(span)


def test_a_collector_that_is_away_holds_up_nothing(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    traces = built("worker")
    done: list[str] = []
    traces.around(done.append)("a-job")
    started = time.monotonic()
    traces.close()
    assert done == ["a-job"]
    assert time.monotonic() - started < 60  # it tries again for a while, and gives up


def test_without_a_collector_nothing_is_traced_nor_imported(monkeypatch):
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    code = (
        "import sys, streetveil.cli.serve, streetveil.cli.worker\n"
        "from streetveil import bootstrap\n"
        "assert bootstrap.build_traces(component='api') is None\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))],\n"
        "      'streetveil.observability.tracing' in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[] False\n"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert bootstrap.build_traces(component="api") is None


def test_a_collector_without_the_extra_is_told_at_the_start(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "streetveil.observability.tracing", None)
    with pytest.raises(ConfigurationError, match="extra `otel`"):
        bootstrap.build_traces(component="api")
