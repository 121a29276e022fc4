"""How the service does."""

from __future__ import annotations

from fastapi import APIRouter

from streetveil import errors
from streetveil.api.dependencies import Services, allowed
from streetveil.api.openapi import problems
from streetveil.api.report_schemas import QueueState, ServiceStats
from streetveil.domain.access import Scope

router = APIRouter(
    tags=["service"],
    dependencies=[allowed(Scope.OPERATE)],
    responses=problems(errors.UnavailableError, errors.StreetveilError),
)


@router.get("/stats")
def stats(services: Services) -> ServiceStats:
    """Throughput, latency, success rate, confidence per model, and the workers."""
    return ServiceStats.of(services.inspect.stats())


@router.get("/queue-status")
def queue_status(services: Services) -> QueueState:
    """How full the queue is."""
    return QueueState.of(services.inspect.queue_status())
