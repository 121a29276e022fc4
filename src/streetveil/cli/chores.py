"""What every process with workers does beside its jobs."""

from __future__ import annotations

from streetveil.bootstrap import Services
from streetveil.settings import Settings
from streetveil.worker.worker import Chore


def chores_of(services: Services, settings: Settings) -> list[Chore]:
    """Keeping this worker's leases alive, and looking after jobs that others lost."""
    return [
        Chore("maintain", services.maintain.rescue, settings.maintain_interval_s),
    ]
