"""Dramatiq's Redis broker, with a consumer of our own that leaves nothing lying when Redis comes and goes.

The keys, the scripts and the message format are Dramatiq's (docs/queue.md). What differs is what one process does:

- Every error of the driver, time-outs too, reaches Dramatiq's threads as its BrokerConnectionError, after which they
  start again; some others end them for good.
- After a failure the messages that Redis has noted as fetched by this process, and that it does not hold, go back.
  Otherwise they would wait for the process to end: an answer that was lost on its way, delayed messages that were
  in memory.
- What cannot be read goes to the dead letters, instead of stopping the consumer again and again.
- A message is fetched when a thread is free to work on it, so the length of the list in Redis is what waits.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import dramatiq
import redis
import structlog
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import compute_backoff, dq_name
from dramatiq.errors import ConnectionClosed

from streetveil.errors import MalformedMessageError
from streetveil.queue.messages import decode

_log = structlog.get_logger(__name__)

_AT_A_TIME = 500


class Unacknowledged:
    """Redis ids of the messages of one queue that this process holds: fetched, neither acknowledged nor given back."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Iterable[str]) -> None:
        with self._changed:
            self._ids.update(ids)

    def remove(self, ids: Iterable[str]) -> None:
        with self._changed:
            self._ids.difference_update(ids)
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._ids.clear()

    def others(self, ids: Iterable[str]) -> list[str]:
        """Those of `ids` that are not held."""
        with self._changed:
            return [message_id for message_id in ids if message_id not in self._ids]

    def wait_for_room(self, most: int, timeout_s: float) -> None:
        """Returns when less than `most` are held, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._ids) < most, timeout_s)


class StreetveilBroker(RedisBroker):
    """A broker for one consumer or one sender. Not global: `dramatiq.set_broker` is never called."""

    # How many values Lua takes at once. Dramatiq asks Redis, once and under a lock of all threads: where Redis hangs
    # they would wait for it one after the other.
    _max_unpack_size_val = 1000  # type: ignore[assignment]

    def __init__(self, client: redis.Redis, **options: Any) -> None:  # noqa: ANN401 - those of RedisBroker
        super().__init__(client=client, **options)  # type: ignore[no-untyped-call]
        self.held: dict[str, Unacknowledged] = defaultdict(Unacknowledged)

    @property
    def consumer_class(self) -> type[StreetveilConsumer]:
        return StreetveilConsumer

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        with connection_errors():
            return super().enqueue(message, delay=delay)

    def key(self, *parts: str) -> str:
        """The name of a key in Redis."""
        return ":".join((self.namespace, *parts))

    def fetched(self, queue_name: str) -> list[str]:
        """Redis ids of the messages that this process has fetched and not acknowledged, as Redis sees it."""
        members = cast("set[bytes]", self.client.smembers(self.key(f"__acks__.{self.broker_id}.{queue_name}")))
        return [member.decode() for member in members]

    def waiting(self, queue_name: str) -> int:
        """How many messages no worker has begun on: those in the list and all delayed ones, wherever they are held."""
        with self.client.pipeline() as pipeline:
            pipeline.llen(self.key(queue_name))
            pipeline.hlen(self.key(f"{dq_name(queue_name)}.msgs"))
            return sum(pipeline.execute())


class StreetveilConsumer(Consumer):
    """Fetches messages of one queue. Dramatiq makes a new one after each failure of the connection."""

    def __init__(self, broker: StreetveilBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        """`prefetch`: most messages held at once; `timeout`: milliseconds after which an idle consumer looks again."""
        self._broker = broker
        self._queue_name = queue_name
        self._prefetch = prefetch
        self._timeout = timeout
        self._cache: deque[dramatiq.Message[Any]] = deque()
        self._misses = 0
        self._held = broker.held[queue_name]
        self._give_back_forgotten()

    def __next__(self) -> MessageProxy | None:
        if not self._cache:
            room = max(0, self._prefetch - len(self._held))
            with connection_errors():
                # Also without room: the call is this process's sign of life, and may give back dead workers' messages.
                fetched = self._broker.do_fetch(self._queue_name, room)
                self._keep(fetched)
            if not self._cache:
                self._pause(full=not room)
                return None
        self._misses = 0
        return MessageProxy(self._cache.popleft())

    def ack(self, message: MessageProxy) -> None:
        self._let_go("ack", message)

    def nack(self, message: MessageProxy) -> None:
        self._let_go("nack", message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        self._requeue([_id(message) for message in messages])

    def close(self) -> None:
        """Gives back what was fetched and not yet handed out."""
        cached = [message.options["redis_message_id"] for message in self._cache]
        self._cache.clear()
        self._requeue(cached)

    def _let_go(self, command: str, message: MessageProxy) -> None:
        with connection_errors():
            getattr(self._broker, f"do_{command}")(self._queue_name, _id(message))
        self._held.remove([_id(message)])

    def _requeue(self, ids: list[str]) -> None:
        for start in range(0, len(ids), _AT_A_TIME):
            some = ids[start : start + _AT_A_TIME]
            with connection_errors():
                self._broker.do_requeue(self._queue_name, *some)
            self._held.remove(some)

    def _keep(self, fetched: list[bytes | None]) -> None:
        messages = [message for data in fetched if (message := decode(data, self._queue_name))]
        self._held.add(message.options["redis_message_id"] for message in messages)
        self._cache.extend(messages)
        if len(messages) == len(fetched):
            return
        # An unreadable message does not tell its id: it is what Redis says we have and we do not.
        for message_id in self._held.others(self._broker.fetched(self._queue_name)):
            self._broker.do_nack(self._queue_name, message_id)
            _log.error("message_unreadable", code=MalformedMessageError.code, redis_message_id=message_id)

    def _pause(self, *, full: bool) -> None:
        if full:
            self._held.wait_for_room(self._prefetch, self._timeout / 1000)
            return
        self._misses, backoff_ms = compute_backoff(self._misses, max_backoff=self._timeout)
        time.sleep(backoff_ms / 1000)

    def _give_back_forgotten(self) -> None:
        if self._queue_name == dq_name(self._queue_name):
            # Dramatiq forgets all delayed messages before it makes a new consumer, and nobody else handles any.
            self._held.clear()
        with connection_errors():
            forgotten = self._held.others(self._broker.fetched(self._queue_name))
        self._requeue(forgotten)


@contextmanager
def connection_errors() -> Iterator[None]:
    """Turns every error of the driver into the one after which Dramatiq tries again."""
    try:
        yield
    except redis.RedisError as error:
        raise ConnectionClosed(error) from error  # type: ignore[no-untyped-call]


def _id(message: MessageProxy) -> str:
    return cast("str", message.options["redis_message_id"])
