"""Tells receivers that jobs have ended: sends what is due, again where it was not accepted, until it is given up.

The database holds what is to be sent (`webhook_deliveries`), written in the transaction in which a job ends. A message
is taken before it is sent and noted as delivered afterwards: one process at a time sends it, and where one dies in
between it is sent twice rather than never.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import structlog

from streetveil.database.base import Database
from streetveil.domain.job import Clock, utc_now
from streetveil.domain.measurements import NO_CODE
from streetveil.domain.webhooks import Delivery, WebhookReport
from streetveil.errors import InvalidWebhookUrlError, StreetveilError, WebhookFailedError, WebhookUnreachableError
from streetveil.jobs.backoff import Backoff
from streetveil.webhooks.base import WebhookSender

_log = structlog.get_logger(__name__)

_AT_A_TIME = 100

Tell = Callable[[str, str], None]
"""Called with the outcome of each try, `delivered`, `postponed` or `given_up`, and the code of its error."""


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """When messages are sent, and when no more.

    Attributes:
        retry_for: after a job's end; a message whose next try would be later is given up.
        lease: longer than a round and one message can take.
        round_s: after which no message of a round is begun.
        rest: how long a receiver is left alone that did not answer, or for whose messages a round was too short.
        threads: receivers that are talked to at once; each gets one message after the other.
    """

    retry_for: timedelta = timedelta(days=1)
    lease: timedelta = timedelta(minutes=3)
    round_s: float = 10.0
    rest: timedelta = timedelta(seconds=60)
    threads: int = 8
    backoff: Backoff = field(default_factory=lambda: Backoff(first_s=10.0, longest_s=4 * 3600.0))


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What became of the messages that were due; those that were not tried are in none of these."""

    delivered: int = 0
    postponed: int = 0
    given_up: int = 0


class Notify:
    """Sends webhooks. Safe to run at any time, by several at once."""

    def __init__(
        self,
        *,
        database: Database,
        sender: WebhookSender,
        policy: DeliveryPolicy | None = None,
        tell: Tell | None = None,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._sender = sender
        self._policy = policy or DeliveryPolicy()
        self._tell = tell or (lambda _result, _code: None)
        self._clock = clock
        self._monotonic = monotonic
        # Receivers by the moment until which they are left alone.
        self._resting: dict[str, float] = {}

    def check(self, url: str) -> None:
        """Returns where messages could be sent to `url`.

        Raises:
            InvalidWebhookUrlError: they never could be; the message says why.
        """
        self._sender.check(url)

    def report(self, job_id: str) -> WebhookReport | None:
        """How far a job's newest message has come; None where the job has no webhook.

        Raises:
            DatabaseUnavailableError: the database cannot be asked.
        """
        with self._database.snapshot() as snapshot:
            return snapshot.webhooks.report(job_id)

    def deliver_due(self) -> Deliveries:
        """Sends what is due; to be called by every worker, every second or so.

        Raises:
            DatabaseUnavailableError: the database cannot be asked what is due.
        """
        outcomes: Counter[str] = Counter()
        while claimed := self._claim():
            outcomes.update(self._deliver(claimed))
            if len(claimed) < _AT_A_TIME:
                break
        return Deliveries(**outcomes)

    def _claim(self) -> list[Delivery]:
        now = self._clock()
        # Usually there is nothing, and no writer is waited for to learn that.
        with self._database.snapshot() as snapshot:
            due = snapshot.webhooks.due(now, _AT_A_TIME)
        if not due:
            return []
        until = now + self._policy.lease
        return self._database.transact(
            lambda transaction: [
                taken
                for delivery in due
                if (taken := transaction.webhooks.claim(delivery, now=now, until=until)) is not None
            ]
        )

    def _deliver(self, claimed: list[Delivery]) -> list[str]:
        """Sends them, each receiver's in turn, so that a slow one holds up its own alone; what became of them."""
        began = self._monotonic()
        self._resting = {receiver: until for receiver, until in self._resting.items() if until > began}
        by_receiver: dict[str, list[Delivery]] = {}
        for delivery in claimed:
            by_receiver.setdefault(_receiver(delivery.url), []).append(delivery)
        waiting = deque(by_receiver.items())
        outcomes: list[str] = []

        def work() -> None:
            with suppress(IndexError):  # nothing is left
                while True:
                    self._deliver_to(*waiting.popleft(), began + self._policy.round_s, outcomes)

        threads = [
            threading.Thread(target=work, name=f"webhooks-{number}", daemon=True)
            for number in range(min(self._policy.threads, len(waiting)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return outcomes

    def _deliver_to(self, receiver: str, deliveries: list[Delivery], deadline: float, outcomes: list[str]) -> None:
        for position, delivery in enumerate(deliveries):
            with structlog.contextvars.bound_contextvars(job_id=delivery.job_id, tenant=delivery.tenant):
                try:
                    if self._monotonic() >= deadline and position > 0:
                        self._let_rest(receiver)
                    if self._monotonic() >= deadline or receiver in self._resting:
                        self._put_off(delivery)
                    else:
                        outcomes.append(self._try(delivery, receiver))
                # The message comes back when its lease ends.
                except StreetveilError as error:
                    _log.warning("webhook_unrecorded", code=error.code)
                except Exception:  # noqa: BLE001 - logged with its traceback, and the others are none the worse
                    _log.exception("webhook_crashed")

    def _try(self, delivery: Delivery, receiver: str) -> str:
        now = self._clock()
        try:
            self._sender.send(
                delivery.url, tenant=delivery.tenant, message_id=delivery.message_id, body=delivery.body, now=now
            )
        except WebhookUnreachableError as error:
            self._let_rest(receiver)
            return self._failed(delivery, error)
        except (WebhookFailedError, InvalidWebhookUrlError) as error:
            return self._failed(delivery, error)
        done = self._clock()
        self._database.transact(lambda transaction: transaction.webhooks.delivered(delivery, now=done))
        self._tell("delivered", NO_CODE)
        _log.debug("webhook_delivered", attempts=delivery.attempts)
        return "delivered"

    def _failed(self, delivery: Delivery, error: StreetveilError) -> str:
        due_at = self._clock() + timedelta(seconds=self._policy.backoff.delay_s(delivery.attempts))
        told = {"code": error.code, "detail": error.detail, "attempts": delivery.attempts}
        if not error.retryable or due_at > delivery.ended_at + self._policy.retry_for:
            self._database.transact(lambda transaction: transaction.webhooks.give_up(delivery, error.detail))
            self._tell("given_up", error.code)
            _log.error("webhook_given_up", **told)
            return "given_up"
        self._database.transact(
            lambda transaction: transaction.webhooks.postpone(delivery, error.detail, due_at=due_at)
        )
        self._tell("postponed", error.code)
        _log.warning("webhook_postponed", **told)
        return "postponed"

    def _put_off(self, delivery: Delivery) -> None:
        """Leaves it for later without a try; spread, so that those of one receiver do not come back together."""
        rest = Backoff(first_s=self._policy.rest.total_seconds(), jitter=self._policy.backoff.jitter)
        due_at = self._clock() + timedelta(seconds=rest.delay_s(1))
        self._database.transact(lambda transaction: transaction.webhooks.give_back(delivery, due_at=due_at))

    def _let_rest(self, receiver: str) -> None:
        self._resting[receiver] = self._monotonic() + self._policy.rest.total_seconds()


def _receiver(url: str) -> str:
    """Whom it goes to, whatever the path. The URL was looked at when it came."""
    return urlsplit(url).netloc.lower()
