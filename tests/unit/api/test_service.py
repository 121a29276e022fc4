"""What holds for every route: ids, problem documents, health, figures."""

import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from tests.support.servers import wait_until

from streetveil.domain.reports import DependencyState


def test_the_process_is_alive_whatever_is_down(client, world):
    world.dependencies = {"database": DependencyState(ok=False, detail="refused")}

    assert client.get("/health/live").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_readiness_names_each_dependency(client, world, path):
    response = client.get(path)
    assert (response.status_code, response.json()["status"]) == (200, "ok")

    world.dependencies = {"database": DependencyState(ok=True), "storage": DependencyState(ok=False, detail="full")}
    response = client.get(path)
    assert response.status_code == 503
    assert response.json() == {
        "status": "unavailable",
        "version": "1.2.3",
        "dependencies": {"database": {"ok": True, "detail": None}, "storage": {"ok": False, "detail": "full"}},
    }


def test_who_asks_how_a_service_is_that_hangs_keeps_nobody_else_waiting(client, world):
    world.dependencies_answer = threading.Event()
    with ThreadPoolExecutor(60) as pool:
        asking = [pool.submit(client.get, "/health/ready") for _ in range(60)]  # more than there are threads
        try:
            wait_until(lambda: all(each.running() for each in asking), 30)
            assert client.get("/jobs").status_code == 200
            assert client.get("/queue-status").status_code == 200
        finally:
            world.dependencies_answer.set()
        assert {each.result().status_code for each in asking} == {200}


def test_the_queue_is_described_as_the_contract_says(client):
    assert client.get("/queue-status").json() == {
        "queue_depth": 250,
        "max_queue_size": 1000,
        "queue_utilization": 0.25,
        "oldest_job_age_seconds": 12.5,
        "timestamp": "2026-09-21T13:11:11.530000Z",
    }


def test_figures_are_given(client):
    body = client.get("/stats").json()

    assert body["total_jobs"] == 5
    assert body["jobs"] == {"submitted": 1, "processing": 1, "completed": 1, "needs_review": 1, "failed": 1}
    assert body["latency"] == {"p50": 1.0, "p95": 2.0, "p99": 3.0}
    assert body["processing_time"] is None
    assert body["confidence"] == {"face": {"objects": 3, "mean": 0.8}, "vehicle": {"objects": 0, "mean": None}}
    assert body["workers"][0]["worker_id"] == "w1"
    assert (body["queue_depth"], body["success_rate"]) == (4, 0.5)


def test_an_unknown_address_is_a_problem_document(client):
    response = client.get("/uplaod")

    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body == {
        "type": "urn:streetveil:error:not_found",
        "title": "Not found",
        "status": 404,
        "detail": "There is nothing at /uplaod.",
        "code": "not_found",
        "retryable": False,
        "request_id": response.headers["X-Request-ID"],
    }


def test_a_wrong_method_is_a_problem_document_that_names_the_right_one(client):
    response = client.get("/upload")

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response.headers["Allow"] == "POST"
    assert client.put("/jobs/x/image").headers["Allow"] == "GET, HEAD"


def test_a_harmless_request_id_is_kept(client):
    response = client.get("/health/live", headers={"X-Request-ID": "trace-42.a:b_c"})

    assert response.headers["X-Request-ID"] == "trace-42.a:b_c"


@pytest.mark.parametrize("given", ["", "two words", "x" * 129, "<script>", 'a"b'])
def test_any_other_request_id_is_replaced(client, given):
    response = client.get("/health/live", headers={"X-Request-ID": given})

    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])


def test_a_bug_is_answered_without_internals_and_logged_with_the_request_id(client, world):
    world.error = RuntimeError("password=hunter2")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        response = client.get("/stats")

    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "hunter2" not in response.text
    [crash] = [line for line in logs if line["event"] == "request_crashed"]
    assert crash["request_id"] == response.json()["request_id"]
    assert crash["exc_info"]


def test_every_line_has_the_request_and_from_the_dependencies_on_the_tenant(client):
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    expected = [("/stats", "stats", "default"), ("/health/live", "health.live", None)]

    def lines():
        ours = [line for line in logs if line["event"] == "request" and line["request_id"] in ("stats", "health.live")]
        return [(line["path"], line["request_id"], line.get("tenant")) for line in ours]

    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        for path, request_id, _ in expected:  # on one connection
            client.get(path, headers={"X-Request-ID": request_id})
        # a line is written after the answer, that of the test before perhaps only now
        wait_until(lambda: len(lines()) == len(expected), 10)
    assert lines() == expected


def test_the_documentation_is_served(client):
    assert "swagger" in client.get("/docs").text
    assert client.get("/openapi.json").json()["info"]["version"] == "1.2.3"
