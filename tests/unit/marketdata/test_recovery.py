"""When instruments are subscribed, and when again."""

import numpy as np
import pytest

from quotelife.marketdata import layout as M
from quotelife.marketdata.recovery import RecoverySettings, SubscriptionRecovery

MS = 1_000_000
S = 1_000 * MS
SETTINGS = RecoverySettings(
    depth=5, retry_ns=100 * MS, max_retry_ns=400 * MS, snapshot_timeout_ns=1 * S, stable_ns=10 * S
)


class Rig:
    def __init__(self, settings=SETTINGS):
        self.instruments = np.zeros((4, M.I_WORDS), np.int64)
        self.recovery = SubscriptionRecovery(self.instruments, [1, 3], ["A", "B"], 100, settings)

    def asked(self, now_ns):
        """(MDReqID, SubscriptionRequestType, symbol) of each request that is due."""
        return [(f[262], f[263], f[55]) for f in map(dict, self.recovery.due_requests(now_ns))]

    def set(self, row, sync):
        self.instruments[row, M.I_SYNC] = sync


@pytest.fixture
def rig():
    rig = Rig()
    rig.recovery.start(0)
    assert rig.asked(0) == [(100, "1", "A"), (101, "1", "B")]
    return rig


def test_no_request_before_the_session_is_established():
    assert Rig().asked(10 * S) == []


def test_subscription_body():
    rig = Rig(RecoverySettings(depth=5, by_order=True))
    rig.recovery.start(0)
    body = rig.recovery.due_requests(0)[0]
    assert body == (
        (262, 100),
        (263, "1"),
        (264, 5),
        (265, "1"),
        (266, "N"),
        (267, 3),
        (269, "0"),
        (269, "1"),
        (269, "2"),
        (146, 1),
        (55, "A"),
    )


def test_rows_await_their_snapshot(rig):
    assert rig.instruments[[1, 3], M.I_SYNC].tolist() == [M.SYNC_WAITING] * 2
    assert rig.instruments[[1, 3], M.I_REQUEST].tolist() == [100, 101]


def test_invalid_book_is_resubscribed_at_once(rig):
    rig.set(1, M.SYNC_LIVE)
    rig.set(3, M.SYNC_LIVE)
    assert rig.asked(20 * S) == []
    rig.set(1, M.SYNC_NONE)
    assert rig.asked(20 * S) == [(100, "2", "A"), (102, "1", "A")]
    assert rig.asked(20 * S) == []


def test_repeatedly_invalid_book_waits_longer_each_time(rig):
    rig.set(3, M.SYNC_LIVE)
    now = 20 * S
    waits = []
    for _ in range(5):
        rig.set(1, M.SYNC_LIVE)
        rig.asked(now)
        rig.set(1, M.SYNC_NONE)
        started = now
        while not rig.asked(now):
            now += 10 * MS
        waits.append((now - started) // MS)
        now += 1 * MS
    assert waits == [0, 100, 200, 400, 400]


def test_stable_book_is_retried_immediately_again(rig):
    for now in (20 * S, 21 * S, 22 * S):
        rig.set(1, M.SYNC_LIVE)
        rig.set(3, M.SYNC_LIVE)
        rig.asked(now)
        rig.set(1, M.SYNC_NONE)
        assert rig.asked(now)
    rig.set(1, M.SYNC_LIVE)
    rig.asked(40 * S)
    rig.set(1, M.SYNC_NONE)
    assert rig.asked(40 * S)


def test_missing_snapshot_is_requested_again(rig):
    rig.set(3, M.SYNC_LIVE)
    assert rig.asked(999 * MS) == []
    assert rig.asked(1 * S) == [(100, "2", "A"), (102, "1", "A")]
    assert rig.asked(2 * S) == []  # 1 s and the pause of 100 ms
    assert rig.asked(2_100 * MS) == [(102, "2", "A"), (103, "1", "A")]


def test_rejected_subscription_is_retried_after_the_longest_delay(rig):
    rig.set(3, M.SYNC_LIVE)
    assert rig.recovery.on_request_reject(100, 0) == "A"
    assert rig.recovery.on_request_reject(999, 0) is None
    assert rig.asked(399 * MS) == []
    assert rig.asked(400 * MS) == [(102, "1", "A")]


def test_no_request_while_the_session_has_a_gap(rig):
    rig.set(1, M.SYNC_LIVE)
    rig.recovery.stop()
    assert rig.instruments[:, M.I_SYNC].tolist() == [M.SYNC_NONE] * 4
    assert rig.asked(5 * S) == []
    rig.recovery.resume(6 * S)
    assert rig.asked(6 * S) == [(100, "2", "A"), (102, "1", "A"), (101, "2", "B"), (103, "1", "B")]


def test_a_new_session_has_nothing_to_unsubscribe(rig):
    rig.recovery.stop()
    rig.recovery.start(6 * S)
    assert rig.asked(6 * S) == [(102, "1", "A"), (103, "1", "B")]
