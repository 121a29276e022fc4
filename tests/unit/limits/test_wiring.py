"""Settings become limits; where none is set, nothing is asked."""

import pytest

from streetveil import bootstrap
from streetveil.errors import ConfigurationError, QuotaExceededError, RateLimitedError
from streetveil.settings import load_settings


def limits_of(**given):
    return bootstrap.build_limits(load_settings(given, env_file=None).settings)


def test_where_nothing_is_limited_there_is_nothing_to_ask():
    assert limits_of() is None


def test_each_limit_is_kept_as_it_is_set():
    limits = limits_of(rate_limit="1/day", quota_photos_per_day=1, quota_bytes_per_day=10)
    assert limits is not None

    limits.request("a")
    with pytest.raises(RateLimitedError):
        limits.request("a")
    with pytest.raises(QuotaExceededError):
        limits.photo("a", 11)
    limits.photo("a", 1)
    with pytest.raises(QuotaExceededError):
        limits.photo("a", 1)


def test_counting_in_redis_waits_for_nothing_at_start():
    assert limits_of(rate_limit="1/day", redis_url="redis://127.0.0.1:1/0") is not None


@pytest.mark.parametrize("rate", ["100", "0/second", "100/second; 1/day", "many/day"])
def test_a_rate_that_is_none_is_refused_at_start(rate):
    with pytest.raises(ConfigurationError, match="RATE_LIMIT"):
        limits_of(rate_limit=rate)
