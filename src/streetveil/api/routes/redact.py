"""One photo, redacted while the caller waits. Nothing of it is kept."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from streetveil import errors
from streetveil.api.dependencies import Incoming, Services, Slots, allowed
from streetveil.api.disposition import format_disposition
from streetveil.api.forms import options_to_keep_nothing, single_photo
from streetveil.api.incoming import ReceivedFile
from streetveil.api.multipart import Form
from streetveil.api.openapi import photo_form, problems
from streetveil.api.parts import Part, in_parts, wants_parts
from streetveil.api.receive import received_form
from streetveil.api.routes.uploads import FILE_PROBLEMS, FORM_PROBLEMS, only_file
from streetveil.api.services import ApiServices
from streetveil.domain.access import Scope
from streetveil.domain.options import JobOptions
from streetveil.jobs.anonymise import Anonymised
from streetveil.jobs.regions import regions_in
from streetveil.redaction.masks import MEDIA_TYPE, MaskKind, mask_png

router = APIRouter(tags=["photos"])

MAX_DETECTIONS_HEADER = 3072
"""Characters; proxies commonly refuse answers whose headers are over 4 or 8 KiB in all."""

DETECTIONS_HEADER = "X-Streetveil-Detections"

NO_RESULT = (errors.RedactionFailedError, errors.NeedsReviewError)

MASK_FIELD = "mask"

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The redacted photo in the format of the original; with `Accept: multipart/form-data` the parts "
        "`image` and `metadata`, and with the field `mask` these and the part `mask`.",
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
                        "mask": {"type": "string", "format": "binary", "description": "PNG, where it was asked for."},
                    },
                }
            },
        },
    }
}


@router.post(
    "/redact",
    dependencies=[allowed(Scope.UPLOAD)],
    response_class=Response,
    openapi_extra=photo_form("file", mask=True),
    responses={**_ANSWER, **problems(*FORM_PROBLEMS, *FILE_PROBLEMS, *NO_RESULT)},
)
async def redact(request: Request, services: Services, slots: Slots, intake: Incoming) -> Response:
    """Redacts one photo at once. Nothing of it is kept."""
    slots.ensure_room()
    async with received_form(request, single_photo(services, MASK_FIELD), intake=intake) as form, slots.admitted():
        kind = _mask_kind(form)
        options = options_to_keep_nothing(form.fields, services)
        file = only_file(form)
        result, mask = await run_sync(_anonymise, services, file, options, kind, limiter=slots.limiter)
    return _answer(request, result, mask, PurePosixPath(file.filename))


def _anonymise(
    services: ApiServices, file: ReceivedFile, options: JobOptions, kind: MaskKind | None
) -> tuple[Anonymised, bytes | None]:
    result = services.anonymise(file.content.read(), options)
    if kind is None:
        return result, None
    return result, b"".join(mask_png(regions_in(result.blur_metadata), result.header.upright, kind))


def _mask_kind(form: Form) -> MaskKind | None:
    value = form.fields.pop(MASK_FIELD, None)
    try:
        return None if value is None else MaskKind(value)
    except ValueError:
        allowed = ", ".join(MaskKind)
        raise errors.InvalidOptionError(f"mask must be one of {allowed}, not {value!r:.40}.") from None


def _answer(request: Request, result: Anonymised, mask: bytes | None, path: PurePosixPath) -> Response:
    name = f"{path.stem}-redacted{path.suffix}"
    if mask is None and not wants_parts(request):
        return _alone(result, name)
    parts = [
        Part("image", result.header.format.media_type, result.file.data, name),
        Part("metadata", "application/json", json.dumps(_metadata(result)).encode()),
    ]
    if mask is not None:
        parts.append(Part("mask", MEDIA_TYPE, mask, f"{path.stem}-mask.png"))
    return in_parts(parts)


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


def _metadata(result: Anonymised) -> dict[str, Any]:
    return {"blur_metadata": result.blur_metadata, "detection_metadata": result.detection_metadata}
