"""The application: routes, middleware, and the lifespan that owns every resource."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from anyio.to_thread import run_sync
from fastapi import FastAPI

from streetveil.api.access import AccessPolicy
from streetveil.api.audit import record_refusal
from streetveil.api.dependencies import allowed
from streetveil.api.errors import install_error_handlers
from streetveil.api.intake import OpenUploads
from streetveil.api.measure import RequestMetrics
from streetveil.api.middleware import LingeringRefusal, RequestContext
from streetveil.api.openapi import DESCRIPTION, TAGS, describe_with
from streetveil.api.redactions import RedactionSlots
from streetveil.api.routes import health, jobs, masks, panoramax, redact, stats, uploads
from streetveil.api.routes import metrics as metrics_route
from streetveil.api.services import OpenServices
from streetveil.api.state import ApiState
from streetveil.api.traces import RequestTraces
from streetveil.api.upload_threads import UploadThreads
from streetveil.observability.metrics import Metrics

if TYPE_CHECKING:
    from streetveil.observability.tracing import Traces

# Their own, so that those who wait for an identity provider keep no other request waiting.
_TOKEN_THREADS = 8
# And for Redis, which counts requests.
_LIMIT_THREADS = 8
# And for what the service depends on, asked by whoever comes by: it is asked once for all that wait.
_HEALTH_THREADS = 1


def create_app(
    open_services: OpenServices,
    *,
    access: AccessPolicy,
    version: str,
    root_path: str = "",
    metrics: Metrics | None = None,
    traces: Traces | None = None,
) -> FastAPI:
    """The HTTP service of docs/api.md.

    Args:
        open_services: called once when the application starts; what it yields is closed when it stops.
        access: whom it answers.
        version: of the product, as /health and the OpenAPI document tell it.
        root_path: prefix under which a proxy shows the service.
        metrics: what /metrics tells, and requests are counted in; by default of this application alone.
        traces: what is told of requests; None: nothing.
    """
    counted = metrics or Metrics(version=version)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            manager = open_services()
            services = await run_sync(manager.__enter__)
            stack.push_async_callback(run_sync, manager.__exit__, None, None, None)
            slots = RedactionSlots(services.max_concurrent_redactions, services.max_waiting_redactions)
            threads = UploadThreads(services.upload_threads, services.max_waiting_uploads)
            app.state.streetveil = ApiState(
                services=services,
                access=access,
                metrics=counted,
                redaction_slots=slots,
                upload_threads=threads,
                open_uploads=OpenUploads(services.max_open_uploads, services.max_uploads_per_client),
                token_threads=anyio.CapacityLimiter(_TOKEN_THREADS),
                limit_threads=anyio.CapacityLimiter(_LIMIT_THREADS),
                health_threads=anyio.CapacityLimiter(_HEALTH_THREADS),
            )
            yield

    app = FastAPI(
        title="Streetveil",
        version=version,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        root_path=root_path,
        lifespan=lifespan,
        redoc_url=None,
    )
    describe_with(app, tokens=access.authenticate is not None)
    install_error_handlers(app, on_forbidden=record_refusal, on_overloaded=lambda error: counted.limited(error.limit))
    app.add_middleware(LingeringRefusal)
    if traces is not None:
        app.add_middleware(RequestTraces, traces=traces)
    app.add_middleware(RequestContext)
    app.add_middleware(RequestMetrics, metrics=counted)
    for module in (uploads, jobs, masks, redact, panoramax, stats):
        app.include_router(module.router)
    app.include_router(health.alive)
    app.include_router(health.router, dependencies=[allowed(access.health)] if access.health else [])
    app.include_router(metrics_route.router, dependencies=[allowed(access.metrics)] if access.metrics else [])
    return app
