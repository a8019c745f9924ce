"""When an instrument is subscribed, and when again."""

import numpy as np
import pytest

from quotelife.marketdata import layout as M
from quotelife.marketdata.recovery import Recovery, RecoverySettings

MS = 1_000_000
S = 1_000 * MS
SETTINGS = RecoverySettings(
    depth=5, pause_ns=100 * MS, longest_pause_ns=400 * MS, snapshot_timeout_ns=1 * S, calm_ns=10 * S
)


class Desk:
    def __init__(self, settings=SETTINGS):
        self.instruments = np.zeros((4, M.I_WORDS), np.int64)
        self.recovery = Recovery(self.instruments, [1, 3], ["A", "B"], 100, settings)

    def asked(self, now_ns):
        """(MDReqID, SubscriptionRequestType, symbol) of each request that is due."""
        return [(f[262], f[263], f[55]) for f in map(dict, self.recovery.requests(now_ns))]

    def set(self, row, sync):
        self.instruments[row, M.I_SYNC] = sync


@pytest.fixture
def desk():
    desk = Desk()
    desk.recovery.start(0)
    assert desk.asked(0) == [(100, "1", "A"), (101, "1", "B")]
    return desk


def test_nothing_before_the_session_stands():
    assert Desk().asked(10 * S) == []


def test_the_body_of_a_subscription():
    desk = Desk(RecoverySettings(depth=5, by_order=True))
    desk.recovery.start(0)
    body = desk.recovery.requests(0)[0]
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


def test_rows_wait_for_their_snapshot(desk):
    assert desk.instruments[[1, 3], M.I_SYNC].tolist() == [M.SYNC_WAITING] * 2
    assert desk.instruments[[1, 3], M.I_REQUEST].tolist() == [100, 101]
    assert desk.recovery.live() == 0
    desk.set(1, M.SYNC_LIVE)
    assert desk.recovery.live() == 1


def test_a_book_that_fell_out_is_unsubscribed_and_subscribed_at_once(desk):
    desk.set(1, M.SYNC_LIVE)
    desk.set(3, M.SYNC_LIVE)
    assert desk.asked(20 * S) == []
    desk.set(1, M.SYNC_NONE)
    assert desk.asked(20 * S) == [(100, "2", "A"), (102, "1", "A")]
    assert desk.asked(20 * S) == []


def test_one_that_falls_again_waits_longer_each_time(desk):
    desk.set(3, M.SYNC_LIVE)
    now = 20 * S
    waits = []
    for _ in range(5):
        desk.set(1, M.SYNC_LIVE)
        desk.asked(now)
        desk.set(1, M.SYNC_NONE)
        started = now
        while not desk.asked(now):
            now += 10 * MS
        waits.append((now - started) // MS)
        now += 1 * MS
    assert waits == [0, 100, 200, 400, 400]


def test_calm_makes_the_next_repetition_immediate(desk):
    for now in (20 * S, 21 * S, 22 * S):
        desk.set(1, M.SYNC_LIVE)
        desk.set(3, M.SYNC_LIVE)
        desk.asked(now)
        desk.set(1, M.SYNC_NONE)
        assert desk.asked(now)
    desk.set(1, M.SYNC_LIVE)
    desk.asked(40 * S)
    desk.set(1, M.SYNC_NONE)
    assert desk.asked(40 * S)


def test_a_snapshot_that_does_not_come_is_asked_for_again(desk):
    desk.set(3, M.SYNC_LIVE)
    assert desk.asked(999 * MS) == []
    assert desk.asked(1 * S) == [(100, "2", "A"), (102, "1", "A")]
    assert desk.asked(2 * S) == []  # 1 s and the pause of 100 ms
    assert desk.asked(2_100 * MS) == [(102, "2", "A"), (103, "1", "A")]


def test_a_refusal_is_tried_again_after_the_longest_pause(desk):
    desk.set(3, M.SYNC_LIVE)
    assert desk.recovery.refused(100, 0) == "A"
    assert desk.recovery.refused(999, 0) is None
    assert desk.asked(399 * MS) == []
    assert desk.asked(400 * MS) == [(102, "1", "A")]


def test_nothing_is_asked_for_while_the_session_has_a_gap(desk):
    desk.set(1, M.SYNC_LIVE)
    desk.recovery.stop()
    assert desk.instruments[:, M.I_SYNC].tolist() == [M.SYNC_NONE] * 4
    assert desk.asked(5 * S) == []
    desk.recovery.resume(6 * S)
    assert desk.asked(6 * S) == [(100, "2", "A"), (102, "1", "A"), (101, "2", "B"), (103, "1", "B")]


def test_a_new_session_has_nothing_to_unsubscribe(desk):
    desk.recovery.stop()
    desk.recovery.start(6 * S)
    assert desk.asked(6 * S) == [(102, "1", "A"), (103, "1", "B")]
