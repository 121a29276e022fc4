"""What every process with workers does beside its jobs."""

from __future__ import annotations

from functools import partial

import structlog

from streetveil.bootstrap import Services
from streetveil.errors import UnavailableError
from streetveil.settings import Settings
from streetveil.worker.worker import Chore

_log = structlog.get_logger(__name__)

# Looking whose turn it is costs one small UPDATE.
_LOOK_S = 5.0
# Looking for what is to be told costs one small SELECT.
_NOTIFY_S = 1.0


def chores_of(services: Services, settings: Settings) -> list[Chore]:
    """Keeping this worker's leases alive, finding what others lost, sealing the audit log, and sending webhooks."""
    chores = [
        Chore("heartbeat", services.process.heartbeat, settings.lease_s / 3),
        Chore(
            "maintain",
            partial(services.maintain.run_if_due, services.worker_id),
            min(_LOOK_S, settings.maintain_interval_s),
        ),
        Chore("audit", partial(services.maintain.seal_if_due, services.worker_id), _LOOK_S),
    ]
    if services.notify is not None:
        chores.append(Chore("webhooks", services.notify.deliver_due, _NOTIFY_S))
    return chores


def leave(services: Services) -> None:
    """Tells the others that this worker ends, so that they need not wait for its leases to run out."""
    try:
        services.process.leave()
    except UnavailableError as error:
        _log.warning("left_without_notice", code=error.code, detail=error.detail)
