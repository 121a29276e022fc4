"""What the queue keeps in Redis, read past the queue."""

import json
from typing import Any

import redis
from tests.support.servers import Redis

WAITING = "image_processing_queue"


class Keys:
    """Everything below a namespace."""

    def __init__(self, server: Redis, namespace: str = "dramatiq") -> None:
        self.client: Any = redis.Redis.from_url(server.url)
        self.namespace = namespace

    def name(self, key: str) -> str:
        return f"{self.namespace}:{key}"

    def waiting(self) -> int:
        return int(self.client.llen(self.name(WAITING)))

    def messages(self, queue: str = WAITING) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.client.hvals(self.name(f"{queue}.msgs"))]

    def dead(self) -> list[bytes]:
        return list(self.client.hvals(self.name(f"{WAITING}.XQ.msgs")))

    def fetched(self) -> list[bytes]:
        """Redis ids that some worker has and has not acknowledged."""
        keys = self.client.keys(self.name("__acks__.*"))
        return [message_id for key in keys for message_id in self.client.smembers(key)]

    def add(self, data: str | bytes) -> None:
        """Puts a message as somebody else might."""
        self.client.hset(self.name(f"{WAITING}.msgs"), "theirs", data)
        self.client.rpush(self.name(WAITING), "theirs")

    def settled(self) -> bool:
        """Whether nothing waits, is delayed or is being worked on."""
        return not self.messages() and not self.messages(f"{WAITING}.DQ") and not self.fetched()
