"""What the use cases ask of whoever delivers webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class WebhookSender(Protocol):
    """Delivers messages. Safe to call from several threads at once; blocks."""

    def check(self, url: str) -> None:
        """Returns where messages could be sent to `url`; asks nobody.

        Raises:
            InvalidWebhookUrlError: they never could be; the message says why.
        """
        ...

    def send(self, url: str, *, tenant: str, message_id: str, body: bytes, now: datetime) -> None:
        """Delivers one message: the other side has answered with a 2xx.

        `body` is JSON, signed with the tenant's secret; `message_id` is the same at each try, so that a receiver can
        tell a message it has seen.

        Raises:
            InvalidWebhookUrlError: see `check`.
            WebhookUnreachableError: nobody answered, or not in time.
            WebhookFailedError: it was not accepted; another try may succeed.
        """
        ...
