"""How the service does."""

from __future__ import annotations

from fastapi import APIRouter

from streetveil import errors
from streetveil.api.dependencies import Services, Tenant, allowed
from streetveil.api.openapi import problems
from streetveil.api.schemas.reports import QueueState, ServiceStats
from streetveil.domain.access import Scope

router = APIRouter(
    tags=["service"],
    dependencies=[allowed(Scope.OPERATE)],
    responses=problems(errors.UnavailableError, errors.StreetveilError),
)


@router.get("/stats")
def stats(services: Services, tenant: Tenant) -> ServiceStats:
    """Throughput, latency, success rate and confidence per model over the caller's jobs, and the workers."""
    return ServiceStats.of(services.inspect.stats(tenant=tenant))


@router.get("/queue-status")
def queue_status(services: Services, tenant: Tenant) -> QueueState:
    """How far the caller's jobs fill the queue."""
    return QueueState.of(services.inspect.queue_status(tenant=tenant))
