"""Pools of real child processes; the photos tell them what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from tests.support import hostile_photos

from streetveil.isolation.limits import Limits
from streetveil.isolation.nursery import Nursery, Recipe
from streetveil.isolation.pool import PoolPolicy, ProcessPool

MIB = 1024 * 1024
POLICY = PoolPolicy(size=2, timeout_s=30.0, max_pixels=10**6)

OpenPool = Callable[..., ProcessPool]


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """One zygote for all tests that leave it alone."""
    nursery = Nursery(Recipe(hostile_photos.PLACE, {}), Limits(memory_bytes=256 * MIB))
    yield nursery
    nursery.close()


@pytest.fixture(scope="session")
def open_pool(nursery: Nursery) -> Iterator[OpenPool]:
    """Opens a pool that shares the zygote; keywords are those of `PoolPolicy`."""
    with ExitStack() as stack:

        def open_one(**policy: Any) -> ProcessPool:
            pool = ProcessPool(nursery, replace(POLICY, **policy))
            stack.callback(pool.close)
            return pool

        yield open_one


@pytest.fixture
def open_own_pool() -> Iterator[OpenPool]:
    """Opens a pool with a zygote of its own, whose `build` is told `argument`."""
    with ExitStack() as stack:

        def open_one(*, argument: dict[str, Any] | None = None, **policy: Any) -> ProcessPool:
            nursery = Nursery(Recipe(hostile_photos.PLACE, argument or {}), Limits(memory_bytes=256 * MIB))
            stack.callback(nursery.close)
            pool = ProcessPool(nursery, replace(POLICY, **policy))
            stack.callback(pool.close)
            return pool

        yield open_one


@pytest.fixture(scope="session")
def pool(open_pool: OpenPool) -> ProcessPool:
    """One for all tests that need nothing special of it."""
    return open_pool()
