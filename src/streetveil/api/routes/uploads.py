"""Photos come in and become jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

import structlog
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from streetveil import errors
from streetveil.api.answers import answer_of
from streetveil.api.audit import Who
from streetveil.api.dependencies import IdempotencyKey, Incoming, ProcessMetrics, Services, Tenant, Threads, allowed
from streetveil.api.errors import public_detail
from streetveil.api.forms import WEBHOOK_FIELD, many_photos, options_of, single_photo, webhook_of
from streetveil.api.incoming import ReceivedFile
from streetveil.api.multipart import Form, RefusedFile
from streetveil.api.openapi import photo_form, problems
from streetveil.api.receive import received_form, use_form
from streetveil.api.schemas.problems import FileProblem
from streetveil.api.schemas.uploads import RejectedFile, SubmittedBatch, SubmittedJob
from streetveil.api.services import ApiServices
from streetveil.domain.access import Scope
from streetveil.domain.audit import Actor
from streetveil.domain.job import Job
from streetveil.domain.options import JobOptions
from streetveil.errors import MalformedRequestError, StreetveilError
from streetveil.jobs.submit import Upload
from streetveil.observability.metrics import Metrics

router = APIRouter(tags=["photos"])

FORM_PROBLEMS = (
    errors.MalformedRequestError,
    errors.MissingFieldError,
    errors.InvalidFilenameError,
    errors.StalledRequestError,
    errors.TooLargeError,
    errors.InvalidOptionError,
    errors.OverloadedError,
    errors.QuotaExceededError,
    errors.UnavailableError,
    errors.StreetveilError,
)
FILE_PROBLEMS = (
    errors.EmptyFileError,
    errors.UnsupportedMediaError,
    errors.AnimatedImageError,
    errors.UnsupportedPixelFormatError,
    errors.UndecodableImageError,
    errors.TooManyPixelsError,
)


@router.post(
    "/upload",
    status_code=202,
    response_model=SubmittedJob,
    dependencies=[allowed(Scope.UPLOAD)],
    openapi_extra=photo_form("file", kept=True),
    responses=problems(
        *FORM_PROBLEMS,
        *FILE_PROBLEMS,
        errors.IdempotencyConflictError,
        errors.InvalidWebhookUrlError,
        errors.CropsKeyMissingError,
    ),
)
async def upload(
    request: Request,
    *,
    services: Services,
    threads: Threads,
    intake: Incoming,
    tenant: Tenant,
    who: Who,
    key: IdempotencyKey,
    metrics: ProcessMetrics,
) -> Response:
    """Stores a photo and queues it. Once answered with 202 it is never lost."""
    with _refusals_counted(metrics):
        threads.ensure_room()
        await _ensure_capacity(services, tenant, key)
        rules = single_photo(services, WEBHOOK_FIELD)
        submit = partial(_submit_one, services, who, key)
        job = await use_form(submit, request, rules, intake=intake, limiter=threads.limiter)
    location = f"{request.scope.get('root_path', '')}/status/{job.id}"
    return answer_of(SubmittedJob.of(job), HTTPStatus.ACCEPTED, headers={"Location": location})


@router.post(
    "/batch-upload",
    status_code=202,
    dependencies=[allowed(Scope.UPLOAD)],
    openapi_extra=photo_form("files", many=True, kept=True),
    responses=problems(*FORM_PROBLEMS, errors.InvalidWebhookUrlError),
)
async def batch_upload(
    request: Request, services: Services, intake: Incoming, tenant: Tenant, who: Who, metrics: ProcessMetrics
) -> SubmittedBatch:
    """The same for several photos. A file that cannot be taken is told in its place and stops none of the others."""
    with _refusals_counted(metrics):
        if "idempotency-key" in request.headers:
            raise MalformedRequestError("Idempotency-Key is understood by /upload only.")
        await _ensure_capacity(services, tenant)
        async with received_form(request, many_photos(services), intake=intake) as form:
            return await run_sync(_submit_all, services, metrics, form, _wishes_of(form, services, who))


@contextmanager
def _refusals_counted(metrics: Metrics) -> Iterator[None]:
    try:
        yield
    except StreetveilError as error:
        metrics.uploaded("refused", error.code)
        raise


async def _ensure_capacity(services: ApiServices, tenant: str, key: str | None = None) -> None:
    """As `Submit.ensure_capacity`; in a thread where it may have to wait, for a change of thread costs more than it."""
    if services.queue_is_here and key is None:
        services.submit.ensure_capacity(tenant)
    else:
        await run_sync(services.submit.ensure_capacity, tenant, key)


def only_file(form: Form) -> ReceivedFile:
    """The photo of a form that was read by the rules for one."""
    file = form.files[0]
    if isinstance(file, RefusedFile):
        raise file.error
    return file


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What a request asks for all its photos."""

    options: JobOptions
    who: Actor
    webhook_url: str | None


def _wishes_of(form: Form, services: ApiServices, who: Actor) -> _Wishes:
    webhook_url = webhook_of(form.fields, services)
    return _Wishes(options_of(form.fields, services), who, webhook_url)


def _submit_one(services: ApiServices, who: Actor, key: str | None, form: Form) -> Job:
    wishes = _wishes_of(form, services, who)
    return services.submit(
        _upload(only_file(form)),
        wishes.options,
        tenant=wishes.who.tenant,
        idempotency_key=key,
        webhook_url=wishes.webhook_url,
        by=wishes.who,
    )


def _submit_all(services: ApiServices, metrics: Metrics, form: Form, wishes: _Wishes) -> SubmittedBatch:
    batch_id = services.submit.new_batch(tenant=wishes.who.tenant)
    outcomes: list[SubmittedJob | RejectedFile] = []
    for file in form.files:
        try:
            outcomes.append(_submit_in_batch(services, file, wishes, batch_id))
        except StreetveilError as error:
            metrics.uploaded("refused", error.code)
            if isinstance(error, errors.OverloadedError):
                metrics.limited(error.limit)
            outcomes.append(_rejected(file.filename, error))
    accepted = sum(isinstance(outcome, SubmittedJob) for outcome in outcomes)
    return SubmittedBatch(
        batch_id=batch_id,
        total_files=len(outcomes),
        accepted=accepted,
        rejected=len(outcomes) - accepted,
        jobs=outcomes,
    )


def _submit_in_batch(
    services: ApiServices, file: ReceivedFile | RefusedFile, wishes: _Wishes, batch_id: str
) -> SubmittedJob:
    if isinstance(file, RefusedFile):
        raise file.error
    try:
        job = services.submit(
            _upload(file),
            wishes.options,
            tenant=wishes.who.tenant,
            batch_id=batch_id,
            webhook_url=wishes.webhook_url,
            by=wishes.who,
        )
        return SubmittedJob.of(job)
    except StreetveilError:
        raise
    except Exception as error:  # jobs before this one are accepted, and their ids must not be lost
        structlog.get_logger(__name__).error("batch_file_crashed", exc_info=error)
        raise StreetveilError(str(error)) from error


def _rejected(filename: str, error: StreetveilError) -> RejectedFile:
    return RejectedFile(filename=filename, error=FileProblem(code=error.code, detail=public_detail(error)))


def _upload(file: ReceivedFile) -> Upload:
    return Upload(filename=file.filename, content=file.content, size=file.size, sha256=file.sha256, header=file.header)
