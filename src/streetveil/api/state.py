"""What lives as long as the application runs."""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from streetveil.api.access import AccessPolicy
from streetveil.api.intake import OpenUploads
from streetveil.api.redactions import RedactionSlots
from streetveil.api.services import ApiServices
from streetveil.api.upload_threads import UploadThreads
from streetveil.observability.metrics import Metrics


@dataclass(frozen=True, slots=True)
class ApiState:
    """Made when the lifespan begins, kept as `app.state.streetveil`."""

    services: ApiServices
    access: AccessPolicy
    metrics: Metrics
    redaction_slots: RedactionSlots
    upload_threads: UploadThreads
    open_uploads: OpenUploads
    token_threads: anyio.CapacityLimiter
    limit_threads: anyio.CapacityLimiter
    health_threads: anyio.CapacityLimiter
