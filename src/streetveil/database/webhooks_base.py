"""What the database promises about messages to be sent."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from streetveil.domain.job import Job
from streetveil.domain.reports import Backlog
from streetveil.domain.webhooks import Delivery, WebhookReport


class WebhookRepository(Protocol):
    """What is to be told to the addresses that clients named for their jobs.

    Transitions of jobs write here by themselves: their ends are messages that are due, and an erased job has none.
    The changes below happen only while the message is the job's newest, and the try its latest.
    """

    def add(self, job: Job, url: str) -> None:
        """Has the ends of a job that was just added told at `url`."""
        ...

    def report(self, job_id: str) -> WebhookReport | None:
        """How far a job's newest message has come; None where the job has no webhook."""
        ...

    def due(self, now: datetime, limit: int) -> list[Delivery]:
        """Messages that may be sent, those that are due longest first."""
        ...

    def backlog(self) -> Backlog:
        """Messages that are still to be sent, now or later."""
        ...

    def claim(self, delivery: Delivery, *, now: datetime, until: datetime) -> Delivery | None:
        """Takes a message for one try, of which nobody else takes it until then; None where another was faster."""
        ...

    def give_back(self, claimed: Delivery, *, due_at: datetime) -> bool:
        """Leaves it for later; it was not tried."""
        ...

    def delivered(self, claimed: Delivery, *, now: datetime) -> bool:
        """Notes that it was accepted."""
        ...

    def postpone(self, claimed: Delivery, error: str, *, due_at: datetime) -> bool:
        """Notes what went wrong, and when to try again."""
        ...

    def give_up(self, claimed: Delivery, error: str) -> bool:
        """Notes what went wrong; it is not sent again."""
        ...
