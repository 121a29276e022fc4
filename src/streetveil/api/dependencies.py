"""What routes ask for by annotating a parameter.

Dependencies are coroutines although most wait for nothing: the framework calls plain functions in a thread each, and
a dozen of those would be a third of what a request costs. They are few and shallow, for each costs something too.
"""

from __future__ import annotations

import re
from typing import Annotated
from uuid import UUID

import structlog
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Depends, Header, Path, Query, Request, Security, params
from fastapi.security import HTTPAuthorizationCredentials, SecurityScopes

from streetveil.api.access import BEARER
from streetveil.api.intake import Intake, Pace, client_at
from streetveil.api.redactions import RedactionSlots
from streetveil.api.services import ApiServices
from streetveil.api.state import ApiState
from streetveil.api.upload_threads import UploadThreads
from streetveil.domain.access import Principal, Scope
from streetveil.errors import (
    BatchNotFoundError,
    InsufficientScopeError,
    JobNotFoundError,
    MalformedRequestError,
    UnauthenticatedError,
)
from streetveil.jobs.inspect import Variant
from streetveil.observability.metrics import Metrics

_KEY = "^[!-~]{1,200}$"


def _state(request: Request) -> ApiState:
    state = request.app.state.streetveil
    if not isinstance(state, ApiState):
        raise TypeError("the application's lifespan has not begun")
    return state


async def _services(request: Request) -> ApiServices:
    return _state(request).services


async def _slots(request: Request) -> RedactionSlots:
    return _state(request).redaction_slots


async def _upload_threads(request: Request) -> UploadThreads:
    return _state(request).upload_threads


async def _caller(request: Request) -> Principal:
    state = _state(request)
    state.access.ensure_own_name(request.headers.getlist("host"), request.headers.getlist("origin"))
    headers = request.headers.getlist("authorization")
    if state.access.authenticate is None:
        caller = state.access.caller(headers)
    else:
        try:
            caller = await run_sync(state.access.caller, headers, limiter=state.token_threads)
        except UnauthenticatedError:
            await _count_request(state, client_at(request.client.host if request.client else None))
            raise
    request.state.caller = caller  # for the audit log, should the request be refused
    structlog.contextvars.bind_contextvars(tenant=caller.tenant)
    return caller


async def _count_request(state: ApiState, name: str) -> None:
    if state.services.limits is not None:
        await run_sync(state.services.limits.request, name, limiter=state.limit_threads)


Caller = Annotated[Principal, Depends(_caller)]
"""Whoever makes the request; found out once for each."""


async def _tenant(caller: Caller) -> str:
    return caller.tenant


Tenant = Annotated[str, Depends(_tenant)]
"""Whose photos the request is about. A route gives it to every use case, and so reaches nothing of others."""


def _client(state: ApiState, request: Request, caller: Principal) -> str:
    """The name that the caller's requests are counted under: where nobody says who they are, their address."""
    if state.access.authenticate is None:
        return client_at(request.client.host if request.client else None)
    return f"tenant:{caller.tenant}"


async def _allowed(
    needed: SecurityScopes,
    request: Request,
    caller: Caller,
    _described: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)],
) -> None:
    state = _state(request)
    await _count_request(state, _client(state, request, caller))
    for name in needed.scopes:
        ensure_may(caller, Scope(name))


def ensure_may(caller: Principal, scope: Scope) -> None:
    """Returns where the caller may do what takes this scope.

    Raises:
        InsufficientScopeError: they may not.
    """
    if not caller.may(scope):
        raise InsufficientScopeError(f"This takes a token with the scope {scope}.", scope)


def allowed(scope: Scope) -> params.Depends:
    """For a route's `dependencies`: only those who have the scope reach it, and no others have their body read.

    Each request to it is counted.
    """
    needed: params.Depends = Security(_allowed, scopes=[scope.value])
    return needed


async def _job_id(job_id: Annotated[str, Path(description="The `job_id` that the upload was answered with.")]) -> str:
    """An id that is no UUID names no job: asking for it is a 404 like any other unknown id."""
    canonical = canonical_uuid(job_id)
    if canonical is None:
        raise JobNotFoundError.of(job_id)
    return canonical


async def _batch_id(
    batch_id: Annotated[str, Path(description="The `batch_id` that the upload was answered with.")],
) -> str:
    canonical = canonical_uuid(batch_id)
    if canonical is None:
        raise BatchNotFoundError(f"There is no batch {batch_id[:40]!r}.")
    return canonical


def canonical_uuid(text: str) -> str | None:
    """A UUID as ids of ours are written; None where the text is none."""
    if not re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", text):
        return None
    return str(UUID(text))


async def _idempotency_key(
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


async def _readable_variant(
    caller: Caller,
    variant: Annotated[
        Variant, Query(description="The redacted photo, the one that was uploaded, or the result that needs review.")
    ] = "processed",
) -> Variant:
    """The variant, for those who may read it."""
    if variant != "processed":
        ensure_may(caller, Scope.READ_ORIGINAL if variant == "original" else Scope.OPERATE)
    return variant


async def _incoming(request: Request, caller: Caller) -> Intake:
    state = _state(request)
    services = state.services
    pace = Pace(services.idle_timeout_s, services.upload_timeout_s, services.min_upload_bytes_per_s)
    return Intake(
        _client(state, request, caller),
        caller.tenant,
        pace=pace,
        uploads=state.open_uploads,
        limits=services.limits,
        threads=state.limit_threads,
    )


async def _health_threads(request: Request) -> CapacityLimiter:
    return _state(request).health_threads


async def _metrics(request: Request) -> Metrics:
    return _state(request).metrics


HealthThreads = Annotated[CapacityLimiter, Depends(_health_threads)]
ProcessMetrics = Annotated[Metrics, Depends(_metrics)]
Services = Annotated[ApiServices, Depends(_services)]
Incoming = Annotated[Intake, Depends(_incoming)]
Slots = Annotated[RedactionSlots, Depends(_slots)]
Threads = Annotated[UploadThreads, Depends(_upload_threads)]
JobId = Annotated[str, Depends(_job_id)]
BatchId = Annotated[str, Depends(_batch_id)]
IdempotencyKey = Annotated[str | None, Depends(_idempotency_key)]
ReadableVariant = Annotated[Variant, Depends(_readable_variant)]
