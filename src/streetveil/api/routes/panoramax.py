"""The blurring service that a Panoramax instance calls; docs/panoramax.md."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from streetveil import errors
from streetveil.api import panoramax
from streetveil.api.dependencies import Incoming, Services, Slots, allowed
from streetveil.api.forms import options_to_keep_nothing, single_photo
from streetveil.api.incoming import ReceivedFile
from streetveil.api.openapi import photo_form, problems
from streetveil.api.parts import Part, in_parts, wants_parts
from streetveil.api.receive import received_form
from streetveil.api.routes.redact import NO_RESULT
from streetveil.api.routes.uploads import FILE_PROBLEMS, FORM_PROBLEMS, only_file
from streetveil.api.services import ApiServices
from streetveil.domain.access import Scope
from streetveil.domain.options import JobOptions, MetadataPolicy
from streetveil.imaging.formats import ImageFormat
from streetveil.jobs.anonymise import Anonymised
from streetveil.redaction.upright import turned_upright

router = APIRouter(tags=["panoramax"])

_JPEG = ImageFormat.JPEG.media_type

_ANNOTATION = {
    "type": "object",
    "required": ["shape", "semantics"],
    "properties": {
        "shape": {
            "type": "array",
            "items": {"type": "integer"},
            "minItems": 4,
            "maxItems": 4,
            "description": "x1, y1, x2, y2 in pixels of the picture that is sent.",
        },
        "semantics": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["key", "value"],
                "properties": {"key": {"type": "string"}, "value": {"type": "string"}},
            },
        },
    },
}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The JPEG, upright, with faces and licence plates made unrecognisable; with `Accept: "
        "multipart/form-data` the parts `image` and `metadata`.",
        "headers": {
            panoramax.HEADER: {
                "description": "JSON, with the picture alone: `info`, a list of `class`, `confidence`, `xywh`, `bbox`; "
                "`salt`, always null; `truncated` where not all of `info` fits into a header.",
                "schema": {"type": "string"},
            }
        },
        "content": {
            _JPEG: {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image", "metadata"],
                    "properties": {
                        "image": {"type": "string", "format": "binary"},
                        "metadata": {
                            "type": "object",
                            "required": ["annotations", "blurring_id", "service_name", "kept"],
                            "properties": {
                                "annotations": {"type": "array", "items": _ANNOTATION},
                                "blurring_id": {"type": ["string", "null"]},
                                "service_name": {"type": "string", "enum": [panoramax.SERVICE_NAME]},
                                "kept": {"type": "boolean", "enum": [False]},
                            },
                        },
                    },
                }
            },
        },
    }
}


@router.post(
    "/blur/",
    dependencies=[allowed(Scope.UPLOAD)],
    response_class=Response,
    openapi_extra=photo_form("picture", kinds="JPEG."),
    responses={
        **_ANSWER,
        **problems(*FORM_PROBLEMS, *FILE_PROBLEMS, errors.InvalidParameterError, *NO_RESULT),
    },
)
async def blur(
    request: Request,
    services: Services,
    slots: Slots,
    intake: Incoming,
    keep: Annotated[
        Literal["0", "1"],
        Query(description="Asks that blurred parts be kept. They never are: `kept` is false, `blurring_id` null."),
    ] = "0",
) -> Response:
    """Blurs one picture at once, as Panoramax asks for it: metadata stay, thumbnails go. Nothing of it is kept."""
    rules = single_photo(services, file_field="picture")
    slots.ensure_room()
    async with received_form(request, rules, intake=intake) as form, slots.admitted():
        # What the instance's picture tells of place and camera is what the instance is for.
        options = options_to_keep_nothing({"metadata": MetadataPolicy.KEEP.value, **form.fields}, services)
        file = only_file(form)
        if file.header.format is not ImageFormat.JPEG:
            raise errors.UnsupportedMediaError(f"Panoramax's pictures are JPEG, not {file.header.format.name}.")
        result, picture = await run_sync(_blur, services, file, options, limiter=slots.limiter)
    if not wants_parts(request):
        headers = {"Cache-Control": "private, no-store", panoramax.HEADER: panoramax.header(result)}
        return Response(picture, headers=headers, media_type=_JPEG)
    # An instance that asks to keep notes the id of the picture as one that can be unblurred. It cannot.
    blurring_id = None if keep == "1" else str(request.scope["request_id"])
    metadata = panoramax.metadata(result, blurring_id=blurring_id, vehicles=services.annotate_vehicles)
    return in_parts(
        [
            Part("image", _JPEG, picture, "picture.jpg"),
            Part("metadata", "application/json", json.dumps(metadata).encode()),
        ]
    )


def _blur(services: ApiServices, file: ReceivedFile, options: JobOptions) -> tuple[Anonymised, bytes]:
    result = services.anonymise(file.content.read(), options)
    # Panoramax makes its tiles and thumbnails of the pixels as they are stored, and places annotations in them.
    return result, turned_upright(result.file.data, max_pixels=services.max_pixels)


@router.get(
    "/blur/",
    response_class=HTMLResponse,
    responses={200: {"description": "A page with a form.", "content": {"text/html": {"schema": {"type": "string"}}}}},
)
@router.head("/blur/", include_in_schema=False)
def form() -> HTMLResponse:
    """A form to try /blur/ with, and a sign that the service is there."""
    return HTMLResponse(_FORM, headers={"Content-Security-Policy": "default-src 'none'; form-action 'self'"})


@router.post("/deblur/", dependencies=[allowed(Scope.UPLOAD)], include_in_schema=False)
def deblur() -> None:
    """What some services have beside /blur/: here there is nothing to bring back."""
    raise errors.NotFoundError("Nothing can be unblurred: the parts of a picture that are blurred are never kept.")


_FORM = """<!doctype html>
<html lang="en">
<title>Streetveil: blur a picture</title>
<h1>Blur a picture</h1>
<form method="post" enctype="multipart/form-data">
<p><label>JPEG <input type="file" name="picture" accept="image/jpeg" required></label>
<p><button>Blur</button>
</form>
<p>Faces and licence plates are made unrecognisable. Nothing of the picture is kept.
</html>
"""
