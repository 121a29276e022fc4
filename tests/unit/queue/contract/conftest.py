"""Every queue that keeps the promises of `queue/base.py`; a new adapter joins the list and inherits the tests."""

import pytest
from tests.support.servers import Redis

from streetveil.domain.job import new_id
from streetveil.queue.base import JobQueue
from streetveil.queue.dramatiq_queue import DramatiqQueue
from streetveil.queue.memory import MemoryQueue


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    with Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["memory", "dramatiq"])
def queue(request):
    made: JobQueue = MemoryQueue()
    if request.param == "dramatiq":
        made = DramatiqQueue(request.getfixturevalue("redis_server").url, namespace=new_id())
    yield made
    made.close()


@pytest.fixture
def consume(queue):
    """Starts consumers that are stopped in the end."""
    consumers = []

    def start(handler, *, threads=1):
        consumers.append(queue.consume(handler, threads=threads))
        return consumers[-1]

    yield start
    for consumer in consumers:
        consumer.stop(10)
