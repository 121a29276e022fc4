"""Counts that processes share in a real Redis."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.servers import Redis

from streetveil.errors import QuotaExceededError, RateLimitedError
from streetveil.limits.counters import Counters
from streetveil.limits.limiter import Limiter
from streetveil.limits.shared import PREFIX, redis_storage
from streetveil.queue.redis_client import connect


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with Redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


def process(redis, **limits):
    """What one API process counts with."""
    return Limiter(Counters(redis_storage(connect(redis.url, timeout_s=1).connection_pool)), **limits)


def test_processes_count_together_and_keys_expire(redis):
    first, second = (process(redis, rate="2/hour", photos_per_day=2, bytes_per_day=100) for _ in range(2))

    first.request("tenant:a")
    second.request("tenant:a")
    for each in (first, second):
        with pytest.raises(RateLimitedError):
            each.request("tenant:a")
    first.photo("a", 60)
    with pytest.raises(QuotaExceededError):
        second.photo("a", 41)
    second.photo("a", 40)
    with pytest.raises(QuotaExceededError):
        first.photo("a", 1)

    client = connect(redis.url, timeout_s=1)
    keys = client.keys("*")
    assert keys
    assert all(PREFIX in str(key) and client.ttl(key) > 0 for key in keys)
    client.close()


def test_photos_that_come_at_the_same_moment_do_not_go_past_a_quota(redis):
    processes = [process(redis, photos_per_day=50, bytes_per_day=1000) for _ in range(4)]

    def sent(number):
        try:
            processes[number % 4].photo("at once", 30)
        except QuotaExceededError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        taken = sum(pool.map(sent, range(200)))

    # Two that meet at the end may both be told to come again, and what they had taken is free then.
    while sent(0):
        taken += 1
    assert taken == 1000 // 30
    processes[0].photo("at once", 1000 % 30)


def test_a_redis_that_goes_away_refuses_nobody(redis):
    limiter = process(redis, rate="3/hour")
    limiter.request("b")
    redis.kill()
    try:
        for _ in range(3):
            limiter.request("b")
        with pytest.raises(RateLimitedError):
            limiter.request("b")
    finally:
        redis.start()
