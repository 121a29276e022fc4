"""Every queue that keeps the promises of `queue/base.py`; a new adapter joins the list and inherits the tests."""

import pytest

from streetveil.queue.memory import MemoryQueue

ADAPTERS = {"memory": MemoryQueue}


@pytest.fixture(params=sorted(ADAPTERS))
def queue(request):
    made = ADAPTERS[request.param]()
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
