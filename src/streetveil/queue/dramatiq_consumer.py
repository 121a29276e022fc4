"""A Dramatiq worker within this process: threads that take messages, and what happens to those that fail."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from dramatiq import Actor, Broker, Middleware
from dramatiq.broker import MessageProxy
from dramatiq.common import compute_backoff
from dramatiq.errors import BrokerConnectionError, Retry
from dramatiq.worker import Worker

from streetveil.errors import MalformedMessageError, StreetveilError, UnsupportedMessageError
from streetveil.observability.carried import carrying
from streetveil.queue.base import Handler
from streetveil.queue.dramatiq_broker import StreetveilBroker
from streetveil.queue.messages import ACTOR, QUEUE, context_of, job_id_of

_log = structlog.get_logger(__name__)

# An idle worker looks that often, with some jitter, so a job waits half of that on average. Each look is one short
# script in Redis, for the queue and for its delayed messages.
_POLL_MS = 100
# What Dramatiq's own threads are given to end after the jobs have, or have not.
_WIND_UP_MS = 500


@dataclass(frozen=True, slots=True)
class Redelivery:
    """When a message that could not be dealt with comes again.

    Attributes:
        most: deliveries after the first one; then it is kept among the dead letters.
        first_s: seconds until the first of them, doubled each time and then extended at random up to twice as much.
        longest_s: most seconds between two.
    """

    most: int = 10
    first_s: float = 5.0
    longest_s: float = 600.0

    def delay_ms(self, failures: int) -> int:
        """How long to wait after that many failures."""
        factor, longest = int(self.first_s * 1000), int(self.longest_s * 1000)
        return compute_backoff(failures - 1, factor=factor, max_backoff=longest)[1]


class RedeliverFailed(Middleware):
    """Puts a failed message again after a while, or leaves it to the dead letters."""

    def __init__(self, redelivery: Redelivery) -> None:
        self._redelivery = redelivery

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,  # noqa: ARG002 - the signature is Dramatiq's
        exception: BaseException | None = None,
    ) -> None:
        if exception is None:
            return
        failures = _failures(message) + 1
        buried = isinstance(exception.__cause__, MalformedMessageError) or failures > self._redelivery.most
        if not buried:
            delay_ms = self._redelivery.delay_ms(failures)
            try:
                broker.enqueue(message.copy(options={"deliveries": failures}), delay=delay_ms)
            except BrokerConnectionError:
                buried = True
        if buried:
            # Rejected, not acknowledged: it can be looked at, and `jobs/maintain` puts the job's id again.
            message.fail()
            _log.error("message_buried", redis_message_id=message.options["redis_message_id"], failures=failures)


class DramatiqConsumer:
    """Threads that take ids from Redis. They do not keep the process alive."""

    def __init__(self, broker: StreetveilBroker, handler: Handler, *, threads: int) -> None:
        """`broker` serves this consumer alone."""
        self._handler = handler
        self._lock = threading.Lock()
        self._busy = 0
        Actor(self._deliver, broker=broker, actor_name=ACTOR, queue_name=QUEUE, priority=0, options={})
        self._worker = Worker(broker, worker_timeout=_POLL_MS, worker_threads=threads)
        # One message for each thread: what a worker does not work on is left to others, and to be counted.
        self._worker.queue_prefetch = threads
        self._worker.start()

    @property
    def busy(self) -> int:
        with self._lock:
            return self._busy

    def stop(self, deadline_s: float) -> bool:
        end = time.monotonic() + deadline_s
        threads = self._worker.workers
        for thread in threads:
            thread.stop()
        # Dramatiq's own wait for several threads counts the time that has passed more than once.
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        drained = not any(thread.is_alive() for thread in threads)
        self._worker.stop(timeout=_WIND_UP_MS)
        return drained

    def _deliver(self, *_args: Any, **fields: Any) -> None:  # noqa: ANN401 - whatever stands in Redis
        with self._lock:
            self._busy += 1
        try:
            with carrying(context_of(fields)):
                self._handle(fields)
        finally:
            with self._lock:
                self._busy -= 1

    def _handle(self, fields: Mapping[str, object]) -> None:
        try:
            self._handler(job_id_of(fields))
        except (MalformedMessageError, UnsupportedMessageError) as error:
            _log.error("message_refused", code=error.code, detail=error.detail)
            raise Retry(error.detail) from error
        except StreetveilError as error:
            _log.warning("handler_failed", job_id=fields["job_id"], code=error.code, detail=error.detail)
            raise Retry(error.detail) from error
        except Exception as error:
            _log.exception("handler_failed", job_id=fields["job_id"])
            # This one is Dramatiq's way to say that the failure is known: it logs every other once more.
            raise Retry(str(error)) from error


def _failures(message: MessageProxy) -> int:
    failures = message.options.get("deliveries", 0)
    return failures if isinstance(failures, int) else 0
