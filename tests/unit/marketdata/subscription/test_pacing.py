"""Limits on the rate of requests and messages."""

import random
from bisect import bisect_left

import pytest

from quotelife.config.venues.venue_profile import Pacing
from quotelife.marketdata.subscription.pacing import RateLimit, RequestPacing

MS = 1_000_000
S = 1_000 * MS


def most_in_a_window(times, length):
    """The largest number of `times` in any window of this length, its start included and its end not."""
    return max(
        bisect_left(times, start + length) - n for n, start in enumerate(times) if n == 0 or start > times[n - 1]
    )


def send_all(limit, until_ns, step_ns=10 * MS):
    times = []
    for now in range(0, until_ns, step_ns):
        number = limit.allowance(now)
        limit.count(number, now)
        times += [now] * number
    return times


def test_at_most_the_count_in_any_interval():
    limit, times, random_ = RateLimit(5, 100 * MS), [], random.Random(1)
    now = 0
    for _ in range(2_000):
        now += random_.randrange(0, 30 * MS)
        number = min(limit.allowance(now), random_.randrange(0, 4))
        limit.count(number, now)
        times += [now] * number
    assert most_in_a_window(times, 100 * MS) == 5


def test_a_full_interval_allows_nothing():
    limit = RateLimit(3, S)
    limit.count(3, 0)
    assert limit.allowance(S - 1) == 0
    assert limit.allowance(S) == 3


@pytest.mark.parametrize(("rate", "sent"), [(1_000, 9_000), (200, 1_800), (7, 66), (0.5, 5)])
def test_requests_are_spread_over_each_second(rate, sent):
    times = send_all(RateLimit.per_second(rate), 10 * S)
    assert most_in_a_window(times, S) <= max(rate, 1)
    assert sent <= len(times) <= rate * 10
    assert most_in_a_window(times, 100 * MS) <= max(rate / 10, 1)


def test_messages_that_cannot_wait_are_counted_beyond_the_limit():
    limit = RateLimit(3, S)
    limit.count(2, 0)
    limit.count(4, S // 2)
    assert limit.allowance(S) == 0
    assert limit.allowance(3 * S // 2) == 3


def test_room_is_left_for_session_messages():
    """2,000 messages in 60 s: two heartbeats of 30 s, one more, and a twentieth."""
    pacing = RequestPacing(Pacing(messages=2_000, interval_s=60.0, requests_per_second=1_000_000.0), 30)
    assert pacing.allowance(0) == 2_000 - 103
    pacing.count_messages(1_890, 0)
    assert pacing.allowance(S) == 7
    pacing.count_messages(60, S)
    assert pacing.allowance(2 * S) == 0
    assert pacing.allowance(60 * S) == 2_000 - 103 - 60


def test_a_limit_of_few_messages_still_allows_requests():
    pacing = RequestPacing(Pacing(messages=2, interval_s=60.0), 1)
    assert pacing.allowance(0) == 1


def test_requests_and_messages_are_limited_both():
    pacing = RequestPacing(Pacing(messages=100, interval_s=1.0, requests_per_second=20.0), 30)
    assert pacing.allowance(0) == 2
    pacing.count_requests(2, 0)
    assert pacing.allowance(99 * MS) == 0
    assert pacing.allowance(100 * MS) == 2
