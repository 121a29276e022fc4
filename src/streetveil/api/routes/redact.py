"""One photo, redacted while the caller waits. Nothing of it is kept."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any
from uuid import uuid4

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from streetveil import errors
from streetveil.api.dependencies import Services, Slots
from streetveil.api.disposition import format_disposition
from streetveil.api.forms import options_of, single_photo
from streetveil.api.incoming import ReceivedFile
from streetveil.api.openapi import photo_form, problems
from streetveil.api.receive import received_form
from streetveil.api.routes.uploads import FILE_PROBLEMS, FORM_PROBLEMS, only_file
from streetveil.api.services import ApiServices
from streetveil.domain.options import JobOptions
from streetveil.jobs.anonymise import Anonymised

router = APIRouter(tags=["photos"])

MAX_DETECTIONS_HEADER = 3072
"""Characters; proxies commonly refuse answers whose headers are over 4 or 8 KiB in all."""

DETECTIONS_HEADER = "X-Streetveil-Detections"

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The redacted photo in the format of the original; with `Accept: multipart/form-data` the parts "
        "`image` and `metadata`.",
        "headers": {
            DETECTIONS_HEADER: {
                "description": "JSON: `blur_metadata` and `detection_metadata` as in /status, or, where that would be "
                "too long for a header, `truncated` and the counts `faces_blurred`, `plates_blurred`, `vehicles`.",
                "schema": {"type": "string"},
            }
        },
        "content": {
            "image/*": _BINARY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image", "metadata"],
                    "properties": {
                        "image": {"type": "string", "format": "binary"},
                        "metadata": {
                            "type": "object",
                            "required": ["blur_metadata", "detection_metadata"],
                            "properties": {
                                "blur_metadata": {"$ref": "#/components/schemas/BlurMetadata"},
                                "detection_metadata": {"$ref": "#/components/schemas/DetectionMetadata"},
                            },
                        },
                    },
                }
            },
        },
    }
}


@router.post(
    "/redact",
    response_class=Response,
    openapi_extra=photo_form("file"),
    responses={**_ANSWER, **problems(*FORM_PROBLEMS, *FILE_PROBLEMS, errors.RedactionFailedError)},
)
async def redact(request: Request, services: Services, slots: Slots) -> Response:
    """Redacts one photo at once. Nothing of it is kept."""
    async with (
        slots.admitted(),
        received_form(request, single_photo(services), idle_timeout_s=services.idle_timeout_s) as form,
    ):
        options = options_of(form.fields, services)
        file = only_file(form)
        result = await run_sync(_anonymise, services, file, options, limiter=slots.limiter)
    path = PurePosixPath(file.filename)
    name = f"{path.stem}-redacted{path.suffix}"
    return _in_parts(result, name) if _wants_parts(request) else _alone(result, name)


def _anonymise(services: ApiServices, file: ReceivedFile, options: JobOptions) -> Anonymised:
    return services.anonymise(file.content.read(), options)


def _wants_parts(request: Request) -> bool:
    accept = request.headers.get("accept", "*/*")
    return any(item.partition(";")[0].strip().lower() == "multipart/form-data" for item in accept.split(","))


def _alone(result: Anonymised, name: str) -> Response:
    headers = {
        "Content-Disposition": format_disposition("inline", name),
        "Cache-Control": "private, no-store",
        DETECTIONS_HEADER: _detections_header(result),
    }
    return Response(result.file.data, headers=headers, media_type=result.header.format.media_type)


def _detections_header(result: Anonymised) -> str:
    """All that was found where it fits into a header, else how many of each."""
    whole = json.dumps(_metadata(result), separators=(",", ":"))
    if len(whole) <= MAX_DETECTIONS_HEADER:
        return whole
    counts = {
        "truncated": True,
        "faces_blurred": result.blur_metadata["faces_blurred"],
        "plates_blurred": result.blur_metadata["plates_blurred"],
        "vehicles": len(result.detection_metadata["vehicles"]),
    }
    return json.dumps(counts, separators=(",", ":"))


def _in_parts(result: Anonymised, name: str) -> Response:
    boundary = uuid4().hex
    escaped = name.replace('"', "%22")  # as browsers do (WHATWG HTML, multipart/form-data encoding algorithm)
    body = b"".join(
        [
            f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{escaped}"\r\n'.encode(),
            f"Content-Type: {result.header.format.media_type}\r\n\r\n".encode(),
            result.file.data,
            f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="metadata"\r\n'.encode(),
            b"Content-Type: application/json\r\n\r\n",
            json.dumps(_metadata(result)).encode(),
            f"\r\n--{boundary}--\r\n".encode(),
        ]
    )
    headers = {"Cache-Control": "private, no-store"}
    return Response(body, headers=headers, media_type=f"multipart/form-data; boundary={boundary}")


def _metadata(result: Anonymised) -> dict[str, Any]:
    return {"blur_metadata": result.blur_metadata, "detection_metadata": result.detection_metadata}
