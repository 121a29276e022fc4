"""Where a photo was redacted: as a picture, and as a list."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from streetveil import errors
from streetveil.api.dependencies import JobId, Services, Tenant, allowed
from streetveil.api.disposition import format_disposition
from streetveil.api.openapi import problems
from streetveil.api.routes.jobs import COMMON, NO_RESULT
from streetveil.api.schemas.findings import RegionList
from streetveil.domain.access import Scope
from streetveil.domain.geometry import Size
from streetveil.domain.job import Job
from streetveil.jobs.inspect import result_of
from streetveil.jobs.regions import regions_in
from streetveil.redaction.masks import MEDIA_TYPE, MaskKind, mask_png

router = APIRouter(tags=["jobs"], dependencies=[allowed(Scope.READ)])

_FAILURES = (errors.JobNotFoundError, *NO_RESULT, *COMMON)


@router.get(
    "/jobs/{job_id}/mask",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "A grey PNG of the size of the upright picture.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems(errors.InvalidParameterError, *_FAILURES),
    },
)
def mask(
    job_id: JobId,
    services: Services,
    tenant: Tenant,
    kind: Annotated[
        MaskKind,
        Query(
            description="`binary`: 8 bits, 255 where the photo was redacted. `instance`: 16 bits, the number of the "
            "region, from 1 in the order of the list. 0 everywhere else."
        ),
    ] = MaskKind.BINARY,
) -> Response:
    """Which pixels were redacted, drawn from the regions of the result."""
    job = services.inspect.job(job_id, tenant=tenant)
    result = result_of(job)
    pieces = mask_png(regions_in(result.blur_metadata), Size(job.width, job.height), kind)
    return StreamingResponse(pieces, headers=_headers("inline", job, "mask.png"), media_type=MEDIA_TYPE)


@router.get("/jobs/{job_id}/regions", responses=problems(*_FAILURES))
def regions(job_id: JobId, services: Services, tenant: Tenant, response: Response) -> RegionList:
    """The regions that were redacted, as a file to download."""
    job = services.inspect.job(job_id, tenant=tenant)
    result = result_of(job)
    response.headers.update(_headers("attachment", job, "regions.json"))
    return RegionList.of(job, result)


def _headers(kind: Literal["inline", "attachment"], job: Job, ending: str) -> dict[str, str]:
    name = f"{PurePosixPath(job.filename).stem}-{ending}"
    return {"Content-Disposition": format_disposition(kind, name), "Cache-Control": "private, no-cache"}
