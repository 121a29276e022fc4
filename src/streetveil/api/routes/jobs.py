"""Following jobs, getting their images, and what may be done to them afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from streetveil import errors
from streetveil.api.answers import answer_of
from streetveil.api.audit import Who
from streetveil.api.dependencies import BatchId, Caller, JobId, ReadableVariant, Services, Tenant, allowed
from streetveil.api.disposition import format_disposition
from streetveil.api.openapi import problems
from streetveil.api.paging import JobQuery, cursor_for
from streetveil.api.schemas.findings import BlurMetadata, DetectionMetadata
from streetveil.api.schemas.jobs import JobError, JobList, JobState, Results, WebhookState, public_status
from streetveil.api.schemas.uploads import BatchState, SubmittedJob
from streetveil.api.services import ApiServices
from streetveil.domain.access import Principal, Scope
from streetveil.domain.audit import Actor, AuditAction
from streetveil.domain.job import Job
from streetveil.jobs.inspect import Variant

router = APIRouter(tags=["jobs"])

COMMON = (errors.UnavailableError, errors.StreetveilError)
_READ = [allowed(Scope.READ)]
# What shows a person. Reads of redacted photos are not recorded: they disclose nothing.
_DISCLOSURES: Mapping[Variant, AuditAction] = {
    "original": AuditAction.READ_ORIGINAL,
    "review": AuditAction.READ_HELD_BACK,
}
NO_RESULT = (errors.ResultNotReadyError, errors.HeldBackError)


@router.get(
    "/status/{job_id}",
    dependencies=_READ,
    response_model=JobState,
    responses=problems(errors.JobNotFoundError, *COMMON),
)
async def status(job_id: JobId, services: Services, tenant: Tenant, caller: Caller) -> Response:
    """How far a job is; where it is completed, what was found."""
    # It is asked more often than all else: one change of thread, and no second look at what was just made.
    return await run_sync(_status, job_id, services, tenant, caller)


def _status(job_id: str, services: ApiServices, tenant: str, caller: Principal) -> Response:
    state = _state(services.inspect.job(job_id, tenant=tenant), services, caller)
    return answer_of(state, exclude_unset=True)


def _state(job: Job, services: ApiServices, caller: Principal) -> JobState:
    state = JobState(
        job_id=job.id,
        status=public_status(job),
        updated_at=job.updated_at.timestamp(),
        results=_results(job, services, caller),
    )
    report = services.notify.report(job.id) if services.notify is not None else None
    # What there is not is left out.
    also = {"error": JobError.of(job), "webhook": WebhookState.of(report) if report is not None else None}
    return state.model_copy(update={name: value for name, value in also.items() if value is not None})


def _results(job: Job, services: ApiServices, caller: Principal) -> Results | None:
    if job.result is None:
        return None
    original, processed = services.inspect.urls(job)
    return Results(
        original_image_path=original if caller.may(Scope.READ_ORIGINAL) else None,
        processed_image_path=processed,
        processing_time=job.result.processing_time,
        blur_metadata=BlurMetadata.model_validate(job.result.blur_metadata),
        detection_metadata=DetectionMetadata.model_validate(job.result.detection_metadata),
    )


@router.get("/batches/{batch_id}", dependencies=_READ, responses=problems(errors.BatchNotFoundError, *COMMON))
def batch(batch_id: BatchId, services: Services, tenant: Tenant) -> BatchState:
    """How far the photos are that were uploaded together."""
    return BatchState.of(services.inspect.batch(batch_id, tenant=tenant))


@router.get("/jobs", dependencies=_READ, responses=problems(errors.InvalidParameterError, *COMMON))
def jobs(services: Services, tenant: Tenant, query: Annotated[JobQuery, Query()]) -> JobList:
    """Jobs, newest first. `next_cursor` leads to the following page; it stays right while jobs are added."""
    page = services.inspect.page(query.filter, after=query.after, limit=query.limit, tenant=tenant)
    return JobList.of(page, None if page.next is None else cursor_for(page.next))


@router.get(
    "/jobs/{job_id}/image",
    dependencies=_READ,
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The picture, in the format that was uploaded.",
            "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
        },
        307: {"description": "A link to the picture that is valid for a while."},
        **problems(errors.JobNotFoundError, *NO_RESULT, errors.InvalidParameterError, *COMMON),
    },
)
@router.head("/jobs/{job_id}/image", dependencies=_READ, include_in_schema=False)
def image(
    request: Request, job_id: JobId, variant: ReadableVariant, services: Services, tenant: Tenant, who: Who
) -> Response:
    """The redacted photo, the original, or the result that needs review. None is ever given in place of another."""
    link = None if request.method == "HEAD" else services.inspect.presigned(job_id, variant, tenant=tenant)
    if link is not None:
        _tell_read(job_id, variant, services, who)
        return RedirectResponse(link, headers={"Cache-Control": "private, no-store"})
    stored = services.inspect.image(job_id, variant, tenant=tenant)
    headers = {
        "Content-Disposition": format_disposition("inline", stored.file_name),
        "Cache-Control": "private, no-cache",
    }
    if request.method == "HEAD":  # no body of which the length would be told: 0, which is not the picture's
        return StreamingResponse(iter(()), headers=headers, media_type=stored.media_type)
    _tell_read(job_id, variant, services, who)
    return StreamingResponse(stored.pieces, headers=headers, media_type=stored.media_type)


@router.get(
    "/jobs/{job_id}/crops",
    dependencies=[allowed(Scope.READ_ORIGINAL)],
    response_class=Response,
    responses={
        200: {
            "description": "A ZIP of `regions.json` (`width`, `height`, `crops`: each `file` with its `box`) and one "
            "PNG for each box: the original's pixels there, upright. Boxes are left, top, right and bottom.",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems(
            errors.JobNotFoundError,
            errors.CropsNotFoundError,
            errors.CropsExpiredError,
            errors.CropsUnreadableError,
            errors.ResultNotReadyError,
            *COMMON,
        ),
    },
)
def crops(job_id: JobId, services: Services, tenant: Tenant, who: Who) -> Response:
    """What was made unrecognisable in a photo that was uploaded with `reversible`: it can be put back with it."""
    content = services.inspect.crops(job_id, tenant=tenant)
    services.audit.record(AuditAction.READ_CROPS, who, job_id=job_id)
    headers = {
        "Content-Disposition": format_disposition("attachment", f"{job_id}-crops.zip"),
        "Cache-Control": "private, no-store",
    }
    return Response(content, headers=headers, media_type="application/zip")


def _tell_read(job_id: str, variant: Variant, services: ApiServices, who: Actor) -> None:
    if variant in _DISCLOSURES:
        services.audit.record(_DISCLOSURES[variant], who, job_id=job_id)


@router.post(
    "/jobs/{job_id}/retry",
    dependencies=[allowed(Scope.OPERATE)],
    status_code=202,
    responses=problems(errors.JobNotFoundError, errors.IllegalTransitionError, errors.OverloadedError, *COMMON),
)
def retry(job_id: JobId, services: Services, tenant: Tenant, who: Who) -> SubmittedJob:
    """Queues a job again that failed or needs review."""
    return SubmittedJob.of(services.retry(job_id, tenant=tenant, by=who))


@router.post(
    "/jobs/{job_id}/release",
    dependencies=[allowed(Scope.OPERATE)],
    response_model_exclude_unset=True,
    responses=problems(errors.JobNotFoundError, errors.IllegalTransitionError, *COMMON),
)
def release(job_id: JobId, services: Services, tenant: Tenant, caller: Caller, who: Who) -> JobState:
    """Completes a job that needs review: someone has looked at `/jobs/{job_id}/image?variant=review`."""
    return _state(services.release(job_id, tenant=tenant, by=who), services, caller)


@router.delete(
    "/jobs/{job_id}",
    dependencies=[allowed(Scope.ERASE)],
    status_code=204,
    response_class=Response,
    responses=problems(errors.JobNotFoundError, *COMMON),
)
def erase(job_id: JobId, services: Services, tenant: Tenant, who: Who) -> None:
    """Removes a job's images and everything that was found in them. It cannot be undone."""
    services.erase(job_id, tenant=tenant, by=who)
