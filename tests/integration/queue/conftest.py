"""Queues in a real Redis. Each test has keys of its own; those that hurt the server start one for themselves."""

from collections.abc import Iterator
from queue import Queue

import pytest
from tests.integration.queue.redis_keys import Keys
from tests.support.servers import Redis

from streetveil.domain.job import new_id
from streetveil.queue.dramatiq_consumer import Redelivery
from streetveil.queue.dramatiq_queue import DramatiqQueue

SOON = Redelivery(most=3, first_s=0.02, longest_s=0.05)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory) -> Iterator[Redis]:
    with Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def own_server(tmp_path) -> Iterator[Redis]:
    """One that may be stopped, emptied and made to hang."""
    with Redis(tmp_path / "redis") as server:
        yield server
        server.resume()


@pytest.fixture
def keys(shared_server) -> Iterator[Keys]:
    made = Keys(shared_server, new_id())
    yield made
    made.client.close()


@pytest.fixture
def new_queue():
    """Makes queues that are closed in the end."""
    made: list[DramatiqQueue] = []

    def make(url, **options):
        made.append(DramatiqQueue(url, redelivery=SOON, **options))
        return made[-1]

    yield make
    for queue in made:
        queue.close()


@pytest.fixture
def queue(new_queue, shared_server, keys):
    return new_queue(shared_server.url, namespace=keys.namespace)


@pytest.fixture
def consume(monkeypatch):
    """Starts consumers that are stopped in the end. They try again soon after a failure."""
    monkeypatch.setattr("dramatiq.worker.CONSUMER_RESTART_DELAY_SECS", 0.05)
    monkeypatch.setattr("dramatiq.worker.POST_PROCESS_MESSAGE_RETRY_DELAY_SECS", 0.05)
    running = []

    def start(queue, handler, *, threads=1):
        running.append(queue.consume(handler, threads=threads))
        return running[-1]

    yield start
    for consumer in running:
        consumer.stop(10)


@pytest.fixture
def delivered() -> "Queue[str]":
    return Queue()
