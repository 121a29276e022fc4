"""What FastAPI cannot derive from the routes: form bodies that are read as a stream, and problem documents."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from streetveil.api.errors import INTERNAL_DETAIL, PROBLEM_JSON, status_of
from streetveil.api.schemas.problems import Problem
from streetveil.domain.detections import REDACTABLE
from streetveil.domain.options import MetadataPolicy, Profile, Style
from streetveil.errors import (
    InsufficientScopeError,
    InvalidTokenError,
    KeysUnavailableError,
    RateLimitedError,
    StreetveilError,
    UnauthenticatedError,
)
from streetveil.redaction.masks import MaskKind

DESCRIPTION = """Photos in, redacted photos out: faces and licence plates are made unrecognisable, vehicles are listed.

Boxes are pixels of the picture as a viewer shows it (EXIF orientation applied), x to the right, y down.
Errors are RFC 9457 problem documents with a stable `code`."""

TAGS = [
    {"name": "photos", "description": "Send photos in."},
    {"name": "jobs", "description": "Follow them and get the results."},
    {"name": "panoramax", "description": "The blurring service of a Panoramax instance."},
    {"name": "service", "description": "How the service does."},
]

_REFUSALS = (UnauthenticatedError, InvalidTokenError, InsufficientScopeError, KeysUnavailableError)

ALL_KINDS = "JPEG, PNG, WebP, TIFF or BMP."

Json = dict[str, Any]
Responses = dict[int | str, Json]


def problems(*kinds: type[StreetveilError]) -> Responses:
    """The `responses` of a route that may answer with these errors, one example each."""
    by_status: dict[HTTPStatus, list[type[StreetveilError]]] = {}
    for kind in kinds:
        by_status.setdefault(status_of(kind), []).append(kind)
    return {int(status): _problem_response(status, members) for status, members in sorted(by_status.items())}


def _problem_response(status: HTTPStatus, kinds: list[type[StreetveilError]]) -> Json:
    examples = {kind.code: {"value": _example(status, kind)} for kind in kinds}
    response: Json = {
        "description": " ".join(f"`{kind.code}`: {_meaning(kind)}" for kind in kinds),
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
    }
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        response["headers"] = {
            "Retry-After": {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}}
        }
    return response


def _example(status: HTTPStatus, kind: type[StreetveilError]) -> Json:
    return {
        "type": f"urn:streetveil:error:{kind.code}",
        "title": kind.code.replace("_", " ").capitalize(),
        "status": int(status),
        "detail": _meaning(kind),
        "code": kind.code,
        "retryable": kind.retryable,
        "request_id": "3f1c9f7a2b6e4a54b0a1a2a3d4e5f607",
    }


def _meaning(kind: type[StreetveilError]) -> str:
    if kind is StreetveilError:
        return INTERNAL_DETAIL
    return re.sub(r" \(HTTP \d+\)", "", (kind.__doc__ or kind.code).splitlines()[0])


def photo_form(
    file_field: str, *, many: bool = False, mask: bool = False, kept: bool = False, kinds: str = ALL_KINDS
) -> Json:
    """The `openapi_extra` of a route that reads a form with photos and options, and a `mask` where asked for.

    `kept`: it becomes a job, whose end can be told, and of which something can be kept.
    """
    photo: Json = {"type": "string", "format": "binary", "description": kinds}
    files: Json = {"type": "array", "items": photo, "minItems": 1} if many else photo
    confidence: Json = {"type": "number", "minimum": 0, "maximum": 1}
    schema: Json = {
        "type": "object",
        "required": [file_field],
        "additionalProperties": False,
        "properties": {
            file_field: files,
            "classes": {
                "type": "array",
                "items": {"type": "string", "enum": sorted(REDACTABLE)},
                "description": "What to redact, separated by commas or as a repeated field. Default: both. "
                "Vehicles are always detected.",
            },
            "style": {"type": "string", "enum": [item.value for item in Style]},
            "profile": {"type": "string", "enum": [item.value for item in Profile]},
            "metadata": {"type": "string", "enum": [item.value for item in MetadataPolicy]},
            "face_confidence": {**confidence, "description": "Lowest score of a face that is redacted."},
            "plate_confidence": {**confidence, "description": "Lowest score of a licence plate that is redacted."},
            "car_confidence": {**confidence, "description": "Lowest score of a vehicle that is reported."},
        },
    }
    if mask:
        schema["properties"]["mask"] = {
            "type": "string",
            "enum": [item.value for item in MaskKind],
            "description": "Adds the part `mask` to the answer: a PNG of what was redacted, as /jobs/{job_id}/mask is.",
        }
    if kept:
        schema["properties"]["reversible"] = {
            "type": "boolean",
            "description": "Keep what is made unrecognisable, encrypted and for a while: /jobs/{job_id}/crops. Refused "
            "where the service or the tenant has no key.",
        }
        schema["properties"]["webhook_url"] = {
            "type": "string",
            "format": "uri",
            "maxLength": 2000,
            "description": "Where a signed message is sent when the job ends: an https address of the open internet. "
            "Refused where the service sends none.",
        }
    encoding = {"classes": {"style": "form", "explode": False}}
    return {
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": schema, "encoding": encoding}},
        }
    }


def describe_with(app: FastAPI, *, tokens: bool) -> None:
    """Makes `app.openapi()` add what no route says by itself: problem documents, and what comes of wrong tokens.

    Where the service asks for no `tokens`, nothing is said of them.
    """

    def openapi() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app, tokens=tokens)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents


def _describe(app: FastAPI, *, tokens: bool) -> Json:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        tags=app.openapi_tags,
        routes=app.routes,
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    # FastAPI's own shape of validation errors is never used: what may fail is declared by the routes, and
    # where it adds a 422 of its own, the parameters are plain strings that cannot fail.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    if not tokens:
        document["components"].pop("securitySchemes", None)
    for operation in _operations(document):
        if "security" in operation:
            _add_problems(operation["responses"], RateLimitedError, *(_REFUSALS if tokens else ()))
        if not tokens:
            operation.pop("security", None)
        if "application/json" in operation["responses"].get("422", {}).get("content", {}):
            del operation["responses"]["422"]
        for response in operation["responses"].values():
            response.setdefault("headers", {})["X-Request-ID"] = {
                "description": "The request's id, also in the service's log.",
                "schema": {"type": "string"},
            }
    return document


def _add_problems(responses: Json, *kinds: type[StreetveilError]) -> None:
    """What any route with a scope may answer besides its own."""
    for status, response in problems(*kinds).items():
        known = responses.setdefault(str(status), response | {"description": "", "content": {}})
        known["description"] = f"{known['description']} {response['description']}".strip()
        examples = (
            known["content"].get(PROBLEM_JSON, {}).get("examples", {}) | response["content"][PROBLEM_JSON]["examples"]
        )
        known["content"][PROBLEM_JSON] = response["content"][PROBLEM_JSON] | {"examples": examples}
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            known["headers"] = {
                "WWW-Authenticate": {"description": "As RFC 6750 has it.", "schema": {"type": "string"}}
            }
    # FastAPI's table has them in the order in which they were added.
    ordered = dict(sorted(responses.items()))
    responses.clear()
    responses.update(ordered)


def _operations(document: Json) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]
