"""A queue in Redis, for API and workers in processes of their own: Dramatiq, with its keys and its dead letters.

Delivery is at least once while Redis keeps its data; what Redis loses is put again by `jobs/maintain`.
docs/queue.md tells operators what stands in Redis.
"""

from __future__ import annotations

import math
import threading
from contextlib import suppress

import redis

from streetveil.errors import QueueUnavailableError
from streetveil.queue.base import Handler
from streetveil.queue.dramatiq_broker import StreetveilBroker
from streetveil.queue.dramatiq_consumer import DramatiqConsumer, RedeliverFailed, Redelivery
from streetveil.queue.messages import QUEUE, job_message
from streetveil.queue.redis_client import connect, translated


class DramatiqQueue:
    """A `JobQueue` in Redis. It connects when it is first used; no call waits much longer than `timeout_s`."""

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "dramatiq",
        timeout_s: float = 5.0,
        heartbeat_s: float = 60.0,
        maintenance_chance: int = 10_000,
        redelivery: Redelivery | None = None,
    ) -> None:
        """Takes what Redis needs to be reached, and how failures are dealt with.

        Args:
            url: see docs/queue.md.
            namespace: with what all keys in Redis begin.
            timeout_s: most seconds to wait for a connection, and for an answer.
            heartbeat_s: seconds of silence after which a worker counts as dead and its messages are given to others.
            maintenance_chance: how many of a million calls look for dead workers and expired dead letters.
            redelivery: when a message comes again whose handler raised.

        Raises:
            ConfigurationError: the URL cannot be used.
        """
        self._client = connect(url, timeout_s=timeout_s)
        self._namespace = namespace
        self._heartbeat_s = heartbeat_s
        self._maintenance_chance = maintenance_chance
        self._redelivery = redelivery or Redelivery()
        self._broker = self._new_broker()
        self._broker.declare_queue(QUEUE)
        self._closed = threading.Event()

    def put(self, job_id: str, *, delay_s: float = 0.0) -> None:
        self._ensure_open()
        # Rounded up, for the moment it is due is cut to whole milliseconds.
        delay_ms = math.ceil(delay_s * 1000) + 1 if delay_s > 0 else None
        with translated():
            self._broker.enqueue(job_message(job_id), delay=delay_ms)

    def depth(self) -> int:
        self._ensure_open()
        with translated():
            return self._broker.waiting(QUEUE)

    def consume(self, handler: Handler, *, threads: int) -> DramatiqConsumer:
        self.check()
        # A broker is known to Redis by an id, under which stands what it has fetched: one for each consumer.
        return DramatiqConsumer(self._new_broker(), handler, threads=threads)

    def check(self) -> None:
        """Fetches no message, in the way messages are fetched, and counts: that is all that is asked of Redis."""
        self._ensure_open()
        with translated():
            self._broker.do_fetch(QUEUE, 0)
            self._broker.waiting(QUEUE)

    def close(self) -> None:
        self._closed.set()
        with suppress(redis.RedisError, OSError):
            self._client.close()

    def _new_broker(self) -> StreetveilBroker:
        return StreetveilBroker(
            self._client,
            # Nothing else of Dramatiq's: no limits of time and age, no thread is interrupted, no port is opened.
            middleware=[RedeliverFailed(self._redelivery)],
            namespace=self._namespace,
            heartbeat_timeout=int(self._heartbeat_s * 1000),
            maintenance_chance=self._maintenance_chance,
        )

    def _ensure_open(self) -> None:
        if self._closed.is_set():
            raise QueueUnavailableError("The queue is closed: the service is stopping.")
