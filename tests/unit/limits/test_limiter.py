"""Each name has its own counts; what does not fit any more is refused and not counted."""

import pytest
from limits.errors import StorageError
from limits.storage import MemoryStorage

from streetveil.errors import ConfigurationError, QuotaExceededError, RateLimitedError
from streetveil.limits.counters import Counters
from streetveil.limits.limiter import Limiter


def test_more_requests_than_the_rate_are_refused_until_the_window_moves_on():
    limiter = Limiter(Counters(), rate="3/hour")

    for _ in range(3):
        limiter.request("tenant:a")
    with pytest.raises(RateLimitedError) as refusal:
        limiter.request("tenant:a")

    assert refusal.value.code == "rate_limited"
    assert 1 <= refusal.value.retry_after_s <= 3600
    limiter.request("tenant:b")


def test_photos_of_a_day_are_counted_and_refused_with_the_time_to_wait():
    limiter = Limiter(Counters(), photos_per_day=2)

    limiter.photo("a", 1)
    limiter.ensure_room("a", 10**12)
    limiter.photo("a", 1)
    with pytest.raises(QuotaExceededError) as refusal:
        limiter.photo("a", 1)
    with pytest.raises(QuotaExceededError):
        limiter.ensure_room("a", 1)

    assert refusal.value.code == "quota_exceeded"
    assert 86_000 < refusal.value.retry_after_s <= 86_400
    limiter.photo("b", 1)


def test_bytes_of_a_day_are_counted_and_a_smaller_photo_may_still_fit():
    limiter = Limiter(Counters(), bytes_per_day=1000)

    limiter.photo("a", 600)
    for _ in range(3):
        with pytest.raises(QuotaExceededError):
            limiter.photo("a", 401)
    limiter.photo("a", 400)
    with pytest.raises(QuotaExceededError):
        limiter.ensure_room("a", 1)


def test_what_is_not_limited_is_not_refused():
    limiter = Limiter(Counters())
    for _ in range(100):
        limiter.request("a")
        limiter.photo("a", 10**15)


@pytest.mark.parametrize("rate", ["0/second", "100", "100/fortnight", "100 per second; 1/day", ""])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ConfigurationError):
        Limiter(Counters(), rate=rate)


class BrokenStorage(MemoryStorage):
    """Shared counts that cannot be reached."""

    asked = 0

    def acquire_sliding_window_entry(self, key, limit, expiry, amount=1):
        self.asked += 1
        raise StorageError(ConnectionError("gone"))


def test_while_shared_counts_cannot_be_reached_the_process_goes_by_its_own():
    now = 0.0
    storage = BrokenStorage()
    limiter = Limiter(Counters(storage, clock=lambda: now), rate="2/hour")

    limiter.request("a")
    limiter.request("a")
    with pytest.raises(RateLimitedError):
        limiter.request("a")

    assert storage.asked == 1  # nobody waits for it again at once
    now = 60.0
    with pytest.raises(RateLimitedError):
        limiter.request("a")
    assert storage.asked == 2
