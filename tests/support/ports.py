"""Ports of loopback for servers that are told theirs by number."""

from __future__ import annotations

import functools
import itertools
import os
import random
import socket
from collections.abc import Iterator

# Below those that the system gives to outgoing connections (from 32768), so that none of these takes a port between
# its being found here and its being bound; and few enough that no port is another's plus an offset of 10,000.
_FIRST, _PAST = 12_000, 22_000


def free_port(*, offset: int = 0) -> int:
    """A port that nobody listens on, and neither on the one `offset` (0, or 10,000) above.

    No two calls are told the same, nor two test processes that run side by side.
    """
    for port in itertools.islice(_candidates(), _PAST - _FIRST):
        if _is_free(port) and _is_free(port + offset):
            return port
    raise AssertionError(f"no port is free between {_FIRST} and {_PAST}")


@functools.cache
def _candidates() -> Iterator[int]:
    """This process' share of the ports, in an order of its own: other runs on this machine choose among them too."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    own = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = list(range(_FIRST + own, _PAST, processes))
    random.SystemRandom().shuffle(ports)
    return itertools.cycle(ports)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
