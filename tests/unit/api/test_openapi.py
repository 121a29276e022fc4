"""The OpenAPI document says what the service does; the `client` fixture checks every answer against it."""

import pytest
from fastapi.openapi.models import OpenAPI

from streetveil.domain.detections import REDACTABLE
from streetveil.domain.options import JobOptions, Style


@pytest.fixture
def document(running):
    return running.app.openapi()


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def test_the_document_is_valid(document):
    OpenAPI.model_validate(document)
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


def test_every_route_of_the_contract_is_documented(document):
    assert {name for name, _ in operations(document)} == {
        "POST /upload",
        "POST /batch-upload",
        "GET /status/{job_id}",
        "GET /batches/{batch_id}",
        "GET /jobs",
        "GET /jobs/{job_id}/image",
        "GET /jobs/{job_id}/mask",
        "GET /jobs/{job_id}/regions",
        "POST /jobs/{job_id}/retry",
        "POST /jobs/{job_id}/release",
        "DELETE /jobs/{job_id}",
        "GET /jobs/{job_id}/crops",
        "POST /redact",
        "POST /blur/",
        "GET /blur/",
        "GET /stats",
        "GET /queue-status",
        "GET /metrics",
        "GET /health",
        "GET /health/live",
        "GET /health/ready",
    }


def test_every_operation_is_described_and_every_error_is_a_problem_document(document):
    ids = set()
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        ids.add(operation["operationId"])
        for status, response in operation["responses"].items():
            if status >= "400" and not name.startswith("GET /health"):
                content = response["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, name
                for code, example in content["examples"].items():
                    assert example["value"]["code"] == code
                    assert example["value"]["status"] == int(status)
    assert len(ids) == len(list(operations(document)))
    assert "HTTPValidationError" not in document["components"]["schemas"]


@pytest.mark.parametrize(
    ("path", "field", "more"),
    [
        ("/upload", "file", {"webhook_url", "reversible"}),
        ("/batch-upload", "files", {"webhook_url", "reversible"}),
        ("/redact", "file", {"mask"}),
        ("/blur/", "picture", set()),
    ],
)
def test_forms_are_described_with_all_their_options(document, path, field, more):
    schema = document["paths"][path]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]

    assert schema["required"] == [field]
    assert set(schema["properties"]) == ({field, *JobOptions.__slots__} - {"reversible"}) | more
    assert schema["properties"]["style"]["enum"] == [style.value for style in Style]
    assert set(schema["properties"]["classes"]["items"]["enum"]) == {label.value for label in REDACTABLE}
    assert schema["properties"]["face_confidence"]["maximum"] == 1
