"""Who makes a request, as the audit log knows them; and what is recorded of requests that are refused."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import structlog
from anyio.to_thread import run_sync
from fastapi import Depends, Request

from streetveil.api.dependencies import Caller, canonical_uuid
from streetveil.api.state import ApiState
from streetveil.domain.access import Principal
from streetveil.domain.audit import Actor, AuditAction, network_of
from streetveil.errors import ForbiddenError, UnavailableError

_log = structlog.get_logger(__name__)


async def _who(request: Request, caller: Caller) -> Actor:
    return _actor(request, caller)


Who = Annotated[Actor, Depends(_who)]
"""Whoever makes the request. A route gives it to every use case that changes or discloses something."""


async def record_refusal(request: Request, error: ForbiddenError) -> None:
    """Records that a known caller asked for what is not theirs to do. Strangers are not recorded: they could fill it.

    Where it cannot be recorded the log says so; the caller is refused all the same.
    """
    caller = getattr(request.state, "caller", None)
    state = getattr(request.app.state, "streetveil", None)
    if caller is None or not isinstance(state, ApiState):
        return
    event = partial(
        state.services.audit.record,
        AuditAction.REFUSE,
        _actor(request, caller),
        job_id=canonical_uuid(str(request.path_params.get("job_id", ""))),
        outcome=error.code,
        method=request.method,
        route=getattr(request.scope.get("route"), "path", None),
    )
    try:
        await run_sync(event)
    except UnavailableError as failure:
        _log.warning("refusal_not_recorded", code=failure.code)


def _actor(request: Request, caller: Principal) -> Actor:
    return Actor(caller.subject, caller.tenant, network_of(request.client.host if request.client else ""))
