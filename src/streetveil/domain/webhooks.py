"""What is told to the address that a client named for a job, and how far that has come."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from streetveil.domain.job import JobStatus

WebhookStatus = Literal["waiting", "due", "delivered", "given_up"]
"""`waiting`: the job has not ended; `due`: it has, and its message is on its way."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message: a job has ended.

    Attributes:
        number: counts the ends of a job, from 1: one that failed may be retried, one that was held back released.
        status: the job's when it ended: completed, needs_review or failed.
        created_at: when the photo was uploaded.
        attempts: how often the message has been sent.
    """

    job_id: str
    tenant: str
    url: str
    number: int
    status: JobStatus
    created_at: datetime
    ended_at: datetime
    attempts: int

    @property
    def message_id(self) -> str:
        """The same at each try, and no other message's."""
        return f"{self.job_id}-{self.number}"

    @property
    def body(self) -> bytes:
        """The message, the same at each try. It says nothing of the photo: who may see that asks for it."""
        ended = self.ended_at.isoformat()
        document = {
            "type": f"job.{self.status}",
            "timestamp": ended,
            "data": {
                "job_id": self.job_id,
                "status": self.status.value,
                "created_at": self.created_at.isoformat(),
                "finished_at": ended,
            },
        }
        return json.dumps(document, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class WebhookReport:
    """How far the newest message of a job has come.

    Attributes:
        error: what went wrong with the last try; None where nothing did.
    """

    status: WebhookStatus
    attempts: int
    error: str | None = None
