"""What routes ask for by annotating a parameter."""

from __future__ import annotations

import re
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Path, Query, Request

from streetveil.api.redactions import RedactionSlots
from streetveil.api.services import ApiServices
from streetveil.api.state import ApiState
from streetveil.api.upload_threads import UploadThreads
from streetveil.errors import BatchNotFoundError, JobNotFoundError, MalformedRequestError
from streetveil.jobs.inspect import Variant

_KEY = "^[!-~]{1,200}$"


def _state(request: Request) -> ApiState:
    state = request.app.state.streetveil
    if not isinstance(state, ApiState):
        raise TypeError("the application's lifespan has not begun")
    return state


def _services(request: Request) -> ApiServices:
    return _state(request).services


def _slots(request: Request) -> RedactionSlots:
    return _state(request).redaction_slots


def _upload_threads(request: Request) -> UploadThreads:
    return _state(request).upload_threads


def _job_id(job_id: Annotated[str, Path(description="The `job_id` that the upload was answered with.")]) -> str:
    """An id that is no UUID names no job: asking for it is a 404 like any other unknown id."""
    canonical = _canonical_uuid(job_id)
    if canonical is None:
        raise JobNotFoundError(f"There is no job {job_id[:40]!r}.")
    return canonical


def _batch_id(batch_id: Annotated[str, Path(description="The `batch_id` that the upload was answered with.")]) -> str:
    canonical = _canonical_uuid(batch_id)
    if canonical is None:
        raise BatchNotFoundError(f"There is no batch {batch_id[:40]!r}.")
    return canonical


def _canonical_uuid(text: str) -> str | None:
    if not re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", text):
        return None
    return str(UUID(text))


def _idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Chosen by the client, 1 to 200 visible ASCII characters. A repeated request with the same "
            "key, file and options is answered with the job of the first one.",
            json_schema_extra={"minLength": 1, "maxLength": 200, "pattern": _KEY},
        ),
    ] = None,
) -> str | None:
    if idempotency_key is not None and not re.fullmatch(_KEY, idempotency_key):
        raise MalformedRequestError("Idempotency-Key must be 1 to 200 visible ASCII characters.")
    return idempotency_key


def _readable_variant(
    variant: Annotated[
        Variant, Query(description="The redacted photo, the one that was uploaded, or the result that needs review.")
    ] = "processed",
) -> Variant:
    """The variant that this caller may read. Whoever reaches the embedded service may read all."""
    return variant


Services = Annotated[ApiServices, Depends(_services)]
Slots = Annotated[RedactionSlots, Depends(_slots)]
Threads = Annotated[UploadThreads, Depends(_upload_threads)]
JobId = Annotated[str, Depends(_job_id)]
BatchId = Annotated[str, Depends(_batch_id)]
IdempotencyKey = Annotated[str | None, Depends(_idempotency_key)]
ReadableVariant = Annotated[Variant, Depends(_readable_variant)]
