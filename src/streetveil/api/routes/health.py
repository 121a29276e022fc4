"""For those who watch over the service."""

from __future__ import annotations

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from streetveil.api.dependencies import HealthThreads, Services
from streetveil.api.openapi import Responses
from streetveil.api.schemas.reports import Alive, Readiness

router = APIRouter(tags=["service"])
alive = APIRouter(tags=["service"])
"""Open whatever is set: an orchestrator must be able to ask, and it says nothing."""

_NOT_READY: Responses = {503: {"model": Readiness, "description": "Something that is needed does not work."}}


@alive.get("/health/live")
async def live() -> Alive:
    """Whether the process runs; needs nothing but itself."""
    return Alive()


@router.get("/health/ready", responses=_NOT_READY)
async def ready(request: Request, response: Response, services: Services, threads: HealthThreads) -> Readiness:
    """Whether the service can work: each thing it needs and its state."""
    states = await run_sync(services.health.dependencies, limiter=threads)
    readiness = Readiness.of(states, version=request.app.version)
    if readiness.status != "ok":
        response.status_code = 503
    return readiness


@router.get("/health", responses=_NOT_READY)
async def health(request: Request, response: Response, services: Services, threads: HealthThreads) -> Readiness:
    """The same as /health/ready."""
    return await ready(request, response, services, threads)
