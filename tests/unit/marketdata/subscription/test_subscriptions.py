"""When instruments are subscribed, and when again."""

from collections import Counter

import numpy as np
import pytest

from quotelife.config.venues.venue_profile import Pacing, SubscriptionProfile, VenueProfile
from quotelife.marketdata import layout as M
from quotelife.marketdata.subscription.pacing import RequestPacing
from quotelife.marketdata.subscription.request import InstrumentName
from quotelife.marketdata.subscription.subscriptions import Subscriptions, SubscriptionSettings

MS = 1_000_000
S = 1_000 * MS
SETTINGS = SubscriptionSettings(
    depth=5, retry_ns=100 * MS, max_retry_ns=400 * MS, snapshot_timeout_ns=1 * S, stable_ns=10 * S
)


class Rig:
    def __init__(self, settings=SETTINGS):
        self.instruments = np.zeros((4, M.I_WORDS), np.int64)
        names = [InstrumentName("A"), InstrumentName("B")]
        self.subscriptions = Subscriptions(self.instruments, [1, 3], names, 100, settings)

    def asked(self, now_ns):
        """(MDReqID, SubscriptionRequestType, symbol) of each request that is due."""
        return [(f[262], f[263], f[55]) for f in map(dict, self.subscriptions.due_requests(now_ns, 1_000))]

    def set(self, row, sync):
        self.instruments[row, M.I_SYNC] = sync


@pytest.fixture
def rig():
    rig = Rig()
    rig.subscriptions.start(0)
    assert rig.asked(0) == [(100, "1", "A"), (101, "1", "B")]
    return rig


def test_no_request_before_the_session_is_established():
    assert Rig().asked(10 * S) == []


def test_an_instrument_that_is_withheld_is_not_subscribed(rig):
    rig.set(1, M.SYNC_LIVE)
    rig.set(3, M.SYNC_LIVE)
    rig.subscriptions.withhold({3})
    assert rig.instruments[[1, 3], M.I_REQUEST].tolist() == [100, 0]
    assert rig.asked(1 * S) == [(101, "2", "B")]
    rig.subscriptions.withhold({3})
    assert rig.asked(2 * S) == []
    rig.subscriptions.withhold(set())
    assert rig.asked(3 * S) == [(102, "1", "B")]


def test_subscription_body():
    rig = Rig(SubscriptionSettings(depth=5, by_order=True))
    rig.subscriptions.start(0)
    body = rig.subscriptions.due_requests(0, 1)[0]
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


def test_each_part_of_a_snapshot_gives_time_for_the_rest(rig):
    rig.set(3, M.SYNC_LIVE)
    rig.set(1, M.SYNC_PARTIAL)
    for part in (1, 2, 3):
        rig.instruments[1, M.I_PARTS] = part
        assert rig.asked(part * 900 * MS) == []
    assert rig.asked(3_699 * MS) == []
    assert rig.asked(3_700 * MS) == [(100, "2", "A"), (102, "1", "A")]


def test_a_new_session_sends_no_rest_of_a_snapshot(rig):
    rig.instruments[1, M.I_PARTS] = 2
    rig.subscriptions.start(1 * S)
    assert rig.instruments[1, M.I_PARTS] == 0


def test_missing_snapshot_is_requested_again(rig):
    rig.set(3, M.SYNC_LIVE)
    assert rig.asked(999 * MS) == []
    assert rig.asked(1 * S) == [(100, "2", "A"), (102, "1", "A")]
    assert rig.asked(2 * S) == []  # 1 s and the pause of 100 ms
    assert rig.asked(2_100 * MS) == [(102, "2", "A"), (103, "1", "A")]


def test_rejected_subscription_is_retried_after_the_longest_delay(rig):
    rig.set(3, M.SYNC_LIVE)
    assert rig.subscriptions.on_request_reject(100, 0) == [InstrumentName("A")]
    assert rig.subscriptions.on_request_reject(999, 0) == []
    assert rig.asked(399 * MS) == []
    assert rig.asked(400 * MS) == [(102, "1", "A")]


def test_no_request_while_the_session_has_a_gap(rig):
    rig.set(1, M.SYNC_LIVE)
    rig.subscriptions.stop()
    assert rig.instruments[:, M.I_SYNC].tolist() == [M.SYNC_NONE] * 4
    assert rig.asked(5 * S) == []
    rig.subscriptions.resume(6 * S)
    assert rig.asked(6 * S) == [(100, "2", "A"), (102, "1", "A"), (101, "2", "B"), (103, "1", "B")]


def test_a_new_session_has_nothing_to_unsubscribe(rig):
    rig.subscriptions.stop()
    rig.subscriptions.start(6 * S)
    assert rig.asked(6 * S) == [(102, "1", "A"), (103, "1", "B")]


class Session:
    """Five instruments, A to E, of a venue whose subscription has these keys."""

    def __init__(self, **subscription):
        self.instruments = np.zeros((5, M.I_WORDS), np.int64)
        self.invalidated, self.opened, self.now = [], [], 0
        profile = VenueProfile(title="test", tried="", subscription=SubscriptionProfile(**subscription))
        self.subscriptions = Subscriptions(
            self.instruments,
            list(range(5)),
            [InstrumentName(symbol) for symbol in "ABCDE"],
            1,
            SubscriptionSettings(profile=profile),
            invalidate=lambda rows, now: self.invalidated.append(rows.tolist()),
            open_books=lambda rows, now: self.opened.append(rows.tolist()),
        )

    def asked(self, after_ns=0, allowance=100):
        """Requests that are due after a while, such as "+1 AB" and "-1 AB": MDReqID and symbols; "+2t AB": trades."""
        self.now += after_ns
        found = []
        for body in self.subscriptions.due_requests(self.now, allowance):
            fields = dict(body)
            symbols = "".join(value for tag, value in body if tag == 55)
            kind = "t" if [value for tag, value in body if tag == 269] == ["2"] else ""
            found.append(f"{'+' if fields[263] == '1' else '-'}{fields[262]}{kind} {symbols}")
        return found

    def set(self, symbols, sync):
        self.instruments[["ABCDE".index(symbol) for symbol in symbols], M.I_SYNC] = sync

    def started(self, *requests):
        """All books are live after these requests."""
        self.subscriptions.start(self.now)
        assert self.asked() == list(requests)
        self.set("ABCDE", M.SYNC_LIVE)
        assert self.asked(20 * S) == []
        return self


class TestBatches:
    @pytest.fixture
    def session(self):
        return Session(symbols_per_request=2).started("+1 AB", "+2 CD", "+3 E")

    def test_one_request_for_all(self):
        Session(symbols_per_request=0).started("+1 ABCDE")

    def test_invalid_book_is_asked_for_alone(self, session):
        session.set("C", M.SYNC_NONE)
        assert session.asked() == ["+4 C"]
        assert session.instruments[:, M.I_REQUEST].tolist() == [1, 1, 4, 2, 3]
        assert session.invalidated == []

    def test_last_instrument_of_a_subscription_ends_it(self, session):
        session.set("C", M.SYNC_NONE)
        assert session.asked() == ["+4 C"]
        session.set("C", M.SYNC_LIVE)
        session.set("D", M.SYNC_NONE)
        assert session.asked(S) == ["-2 D", "+5 D"]

    def test_invalid_books_of_one_request_are_asked_for_together(self, session):
        session.set("CDA", M.SYNC_NONE)
        assert session.asked() == ["+4 A", "-2 CD", "+5 CD"]

    def test_where_asking_alone_does_not_help_all_of_it_is_asked_for_once(self, session):
        session.set("C", M.SYNC_NONE)
        assert session.asked() == ["+4 C"]
        assert session.asked(2 * S) == ["-4 C", "-2 D", "+5 CD"]
        assert session.invalidated == [[3]]
        session.set("D", M.SYNC_LIVE)
        assert session.asked(2_102 * MS) == ["+6 C"]
        assert session.asked(2_199 * MS) == []
        assert session.asked(1 * MS) == ["-6 C", "+7 C"]
        assert session.invalidated == [[3]]

    def test_a_refused_second_subscription_ends_the_first_one(self, session):
        session.set("C", M.SYNC_NONE)
        assert session.asked() == ["+4 C"]
        session.subscriptions.on_request_reject(4, session.now)
        assert session.asked(99 * MS) == []
        assert session.asked(1 * MS) == ["-2 D", "+5 CD"]

    def test_rejected_request_is_divided(self, session):
        session.set("CD", M.SYNC_NONE)
        assert session.asked() == ["-2 CD", "+4 CD"]
        names = session.subscriptions.on_request_reject(4, session.now)
        assert [name.symbol for name in names] == ["C", "D"]
        assert session.asked(100 * MS) == ["+5 C", "+6 D"]
        session.subscriptions.on_request_reject(6, session.now)
        session.set("C", M.SYNC_LIVE)
        assert session.asked(29 * S) == []
        assert session.asked(S) == ["+7 D"]

    def test_divided_instruments_stay_alone_until_the_next_logon(self, session):
        session.subscriptions.on_request_reject(2, session.now)
        assert session.asked(100 * MS) == ["+4 C", "+5 D"]
        session.subscriptions.stop()
        session.subscriptions.resume(session.now)
        assert session.asked() == ["-1 AB", "+6 AB", "-4 C", "+7 C", "-5 D", "+8 D", "-3 E", "+9 E"]
        session.subscriptions.stop()
        session.subscriptions.start(session.now)
        assert session.asked() == ["+10 AB", "+11 CD", "+12 E"]

    def test_gap_repeats_each_request(self, session):
        session.subscriptions.stop()
        assert session.asked(S) == []
        session.subscriptions.resume(session.now)
        assert session.asked() == ["-1 AB", "+4 AB", "-2 CD", "+5 CD", "-3 E", "+6 E"]

    def test_a_large_request_is_given_time_for_its_snapshots(self):
        session = Session(symbols_per_request=0)
        session.subscriptions.start(0)
        assert session.asked() == ["+1 ABCDE"]
        assert session.asked(2_007 * MS) == []
        assert session.asked(1 * MS) == ["-1 ABCDE", "+2 ABCDE"]


class TestReplacingRequests:
    @pytest.fixture
    def session(self):
        return Session(symbols_per_request=0, replaces=True).started("+1 ABCDE")

    def test_invalid_book_asks_for_all(self, session):
        session.set("B", M.SYNC_NONE)
        assert session.asked() == ["+2 ABCDE"]
        assert session.invalidated == [[0, 2, 3, 4]]
        assert session.instruments[:, M.I_SYNC].tolist() == [M.SYNC_WAITING] * 5

    def test_further_invalid_books_wait(self, session):
        session.set("B", M.SYNC_NONE)
        assert session.asked() == ["+2 ABCDE"]
        session.set("ABCDE", M.SYNC_LIVE)
        session.asked(10 * MS)
        session.set("E", M.SYNC_NONE)
        assert session.asked() == []
        assert session.asked(90 * MS) == ["+3 ABCDE"]

    def test_reject_repeats_all_after_the_longest_delay(self, session):
        session.set("B", M.SYNC_NONE)
        assert session.asked() == ["+2 ABCDE"]
        assert len(session.subscriptions.on_request_reject(2, session.now)) == 5
        assert session.asked(29 * S) == []
        assert session.asked(S) == ["+3 ABCDE"]

    def test_gap_and_logon_ask_for_all(self, session):
        session.subscriptions.stop()
        session.subscriptions.resume(session.now)
        assert session.asked() == ["+2 ABCDE"]
        session.subscriptions.stop()
        session.subscriptions.start(session.now)
        assert session.asked() == ["+3 ABCDE"]


def test_venue_without_unsubscription():
    session = Session(symbols_per_request=1, unsubscribe=False).started("+1 A", "+2 B", "+3 C", "+4 D", "+5 E")
    session.set("B", M.SYNC_NONE)
    assert session.asked() == ["+6 B"]
    assert session.asked(2 * S) == ["+7 B"]
    assert session.invalidated == []


class TestSeparateTrades:
    @pytest.fixture
    def session(self):
        return Session(symbols_per_request=3, trades="separate").started("+1 ABC", "+2t ABC", "+3 DE", "+4t DE")

    def test_invalid_book_leaves_the_trades_alone(self, session):
        session.set("B", M.SYNC_NONE)
        assert session.asked() == ["+5 B"]
        assert session.instruments[:, M.I_REQUEST].tolist() == [1, 5, 1, 3, 3]
        assert session.instruments[:, M.I_TRADE_REQUEST].tolist() == [2, 2, 2, 4, 4]

    def test_gap_leaves_the_trades_alone(self, session):
        session.subscriptions.stop()
        session.subscriptions.resume(session.now)
        assert session.asked() == ["-1 ABC", "+5 ABC", "-3 DE", "+6 DE"]

    def test_rejected_trades_are_divided(self, session):
        session.subscriptions.on_request_reject(4, session.now)
        assert session.instruments[:, M.I_SYNC].tolist() == [M.SYNC_LIVE] * 5
        assert session.asked(100 * MS) == ["+5t D", "+6t E"]
        session.subscriptions.on_request_reject(5, session.now)
        assert session.asked(29 * S) == []
        assert session.asked(S) == ["+7t D"]

    def test_logon_subscribes_them_again(self, session):
        session.subscriptions.stop()
        session.subscriptions.start(session.now)
        assert session.asked() == ["+5 ABC", "+6t ABC", "+7 DE", "+8t DE"]


def test_books_without_snapshot_are_opened_when_the_request_is_sent():
    session = Session(symbols_per_request=2, snapshot=False)
    session.subscriptions.start(0)
    assert session.asked(allowance=2) == ["+1 AB", "+2 CD"]
    assert session.opened == [[0, 1], [2, 3]]
    session.set("ABCD", M.SYNC_LIVE)
    session.set("D", M.SYNC_NONE)
    assert session.asked() == ["+3 E"]
    assert session.asked(100 * MS) == ["+4 D"]
    assert session.opened == [[0, 1], [2, 3], [4], [3]]


class TestPacing:
    def test_requests_wait_for_their_turn(self):
        session = Session()
        session.subscriptions.start(0)
        assert session.asked(allowance=0) == []
        assert session.asked(allowance=2) == ["+1 A", "+2 B"]
        assert session.instruments[:, M.I_SYNC].tolist() == [M.SYNC_WAITING] * 2 + [M.SYNC_NONE] * 3
        assert session.asked(S, allowance=2) == ["+3 C", "+4 D"]

    def test_new_and_repeated_requests_take_turns(self):
        session = Session()
        session.subscriptions.start(0)
        assert session.asked(allowance=2) == ["+1 A", "+2 B"]
        session.set("AB", M.SYNC_NONE)
        assert session.asked(S, allowance=1) == ["-1 A"]
        assert session.asked(allowance=4) == ["+3 A", "+4 C", "-2 B", "+5 B"]

    def test_snapshot_is_awaited_from_when_the_request_is_sent(self):
        session = Session(symbols_per_request=0)
        session.subscriptions.start(0)
        session.asked()
        session.set("ABCDE", M.SYNC_NONE)
        assert session.asked(10 * S, allowance=1) == ["-1 ABCDE"]
        assert session.asked(10 * S, allowance=1) == ["+2 ABCDE"]
        assert session.asked(2_107 * MS) == []
        assert session.asked(1 * MS) == ["-2 ABCDE", "+3 ABCDE"]

    def test_snapshot_that_comes_late_is_not_asked_for_again(self):
        session = Session(symbols_per_request=0)
        session.subscriptions.start(0)
        session.asked()
        assert session.asked(3 * S, allowance=0) == []
        session.set("ABCDE", M.SYNC_LIVE)
        assert session.asked(S) == []


@pytest.mark.parametrize(("number", "until"), [(100_000, 240 * MS), (3_000, S)])
def test_many_subscriptions_are_paced(number, until):
    """In fake time, answered at once: at most 2,000 in any 100 ms, each once and in order."""
    instruments = np.zeros((number, M.I_WORDS), np.int64)
    names = [InstrumentName(f"S{n}") for n in range(number)]
    subscriptions = Subscriptions(instruments, range(number), names, 1, SETTINGS)
    pacing = RequestPacing(Pacing(requests_per_second=20_000), 30)
    subscriptions.start(0)
    times, symbols = [], []
    for now in range(0, until, 20 * MS):
        bodies = subscriptions.due_requests(now, pacing.allowance(now))
        pacing.count_requests(len(bodies), now)
        times += [now // MS] * len(bodies)
        symbols += [body[-1][1] for body in bodies]
        instruments[[body[0][1] - 1 for body in bodies], M.I_SYNC] = M.SYNC_LIVE
    assert symbols == [name.symbol for name in names[:6_000]]
    expected = {0: 2_000, 100: 2_000, 200: 2_000} if number > 6_000 else {0: 2_000, 100: 1_000}
    assert Counter(times) == expected


def test_invalid_books_are_found_among_many():
    """A call looks at a part of the instruments, at all of them where books are lost."""
    number = 10_000
    instruments = np.zeros((number, M.I_WORDS), np.int64)
    names = [InstrumentName(f"S{n}") for n in range(number)]
    subscriptions = Subscriptions(instruments, range(number), names, 1, SETTINGS)
    subscriptions.start(0)
    assert len(subscriptions.due_requests(0, number)) == number
    instruments[:, M.I_SYNC] = M.SYNC_LIVE
    now = 20 * S
    assert subscriptions.due_requests(now, 10) == []
    instruments[9_999, M.I_SYNC] = M.SYNC_NONE
    assert len(subscriptions.due_requests(now + 10 * MS, 10, lost=True)) == 2
    instruments[5_000, M.I_SYNC] = M.SYNC_NONE
    found = [subscriptions.due_requests(now + (11 + n) * MS, 10) for n in range(4)]
    assert sum(map(len, found)) == 2
