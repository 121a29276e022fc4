"""What this process counts, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from streetveil.api.dependencies import ProcessMetrics

router = APIRouter(tags=["service"])


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request, counted: ProcessMetrics) -> Response:
    """The metrics of this process in Prometheus' text format; docs/metrics.md explains each."""
    content, media_type = counted.expose(request.headers.get("accept", ""))
    return Response(content, headers={"Content-Type": media_type, "Cache-Control": "no-store"})
