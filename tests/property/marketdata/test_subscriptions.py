"""Subscriptions in every shape of requests, at a venue that answers, is silent, rejects and loses messages."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.config.venues.venue_profile import SubscriptionProfile, VenueProfile
from quotelife.marketdata import layout as M
from quotelife.marketdata.subscription.request import InstrumentName
from quotelife.marketdata.subscription.subscriptions import Subscriptions, SubscriptionSettings

MS = 1_000_000
S = 1_000 * MS
SYMBOLS = "ABCDEFG"

SHAPES = st.builds(
    lambda size, replaces, unsubscribe, separate: SubscriptionProfile(
        symbols_per_request=size,
        replaces=replaces,
        unsubscribe=unsubscribe,
        trades="separate" if separate and not replaces else "with_book",
    ),
    st.sampled_from([0, 1, 2, 3]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), st.sampled_from(SYMBOLS)),
        st.tuples(st.just("spoil"), st.sampled_from(SYMBOLS)),
        st.tuples(st.just("reject"), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.sampled_from([10, 100, 2_500, 40_000])),
        st.tuples(st.just("gap"), st.booleans()),
    ),
    max_size=40,
)


class Venue:
    """What the venue believes is subscribed: MDReqID to symbols, of books and of trades."""

    def __init__(self, shape: SubscriptionProfile) -> None:
        self.shape = shape
        self.books: dict[int, str] = {}
        self.trades: dict[int, str] = {}
        self.ended: set[int] = set()

    def receive(self, body: tuple[tuple[int, object], ...]) -> None:
        fields = dict(body)
        request, symbols = int(fields[262]), "".join(str(value) for tag, value in body if tag == 55)
        if fields[263] == "2":
            assert request not in self.ended, "unsubscribed twice"
            assert set(self.books.pop(request)) >= set(symbols)
            self.ended.add(request)
        elif [value for tag, value in body if tag == 269] == ["2"]:
            self.trades[request] = symbols
        else:
            assert request not in self.books | self.trades
            assert len(symbols) <= (self.shape.symbols_per_request or len(SYMBOLS)) or self.shape.replaces
            if self.shape.replaces:
                assert symbols == SYMBOLS
                self.books.clear()
            self.books[request] = symbols

    def log_on(self) -> None:
        self.books.clear()
        self.trades.clear()


class Play:
    def __init__(self, shape: SubscriptionProfile, allowance: int) -> None:
        self.instruments = np.zeros((len(SYMBOLS), M.I_WORDS), np.int64)
        self.venue, self.now, self.allowance = Venue(shape), 0, allowance
        profile = VenueProfile(title="t", tried="", subscription=shape)
        self.subscriptions = Subscriptions(
            self.instruments,
            range(len(SYMBOLS)),
            [InstrumentName(symbol) for symbol in SYMBOLS],
            1,
            SubscriptionSettings(profile=profile),
            invalidate=self.invalidate,
        )
        self.start()

    def invalidate(self, rows: np.ndarray, now_ns: int) -> None:
        assert (self.instruments[rows, M.I_SYNC] == M.SYNC_LIVE).all()
        self.instruments[rows, M.I_SYNC] = M.SYNC_NONE

    def start(self) -> None:
        self.venue.log_on()
        self.subscriptions.start(self.now)

    def send(self, after_ns: int = 0) -> None:
        self.now += after_ns
        bodies = self.subscriptions.due_requests(self.now, self.allowance)
        assert len(bodies) <= self.allowance
        for body in bodies:
            self.venue.receive(body)

    def step(self, kind: str, value: object) -> None:
        if kind == "answer":
            self.answer(SYMBOLS.index(str(value)))
        elif kind == "spoil":
            row = SYMBOLS.index(str(value))
            if self.instruments[row, M.I_SYNC] == M.SYNC_LIVE:
                self.instruments[row, M.I_SYNC] = M.SYNC_NONE
        elif kind == "reject":
            self.reject(int(str(value)))
        elif kind == "wait":
            self.send(int(str(value)) * MS)
        else:
            self.subscriptions.stop()
            self.send(S)
            if value:
                self.subscriptions.resume(self.now)
            else:
                self.start()
        self.send(MS)

    def answer(self, row: int) -> None:
        """A snapshot, if the venue knows a subscription with the MDReqID that this row waits for."""
        symbols = self.venue.books.get(int(self.instruments[row, M.I_REQUEST]), "")
        if self.instruments[row, M.I_SYNC] == M.SYNC_WAITING and SYMBOLS[row] in symbols:
            self.instruments[row, M.I_SYNC] = M.SYNC_LIVE

    def reject(self, number: int) -> None:
        """The venue rejects the request whose snapshot is awaited, or one of trades."""
        waiting = [
            int(request)
            for request in dict.fromkeys(self.instruments[:, M.I_REQUEST].tolist())
            if request in self.venue.books
            and not (self.instruments[self.instruments[:, M.I_REQUEST] == request, M.I_SYNC] == M.SYNC_LIVE).any()
        ]
        found = [*waiting, *self.venue.trades]
        if found:
            request = found[number % len(found)]
            named = self.venue.books.pop(request, "") + self.venue.trades.pop(request, "")
            self.venue.ended.add(request)
            assert {name.symbol for name in self.subscriptions.on_request_reject(request, self.now)} <= set(named)

    def settle(self) -> None:
        """From now on the venue answers everything."""
        for _ in range(250):
            self.send(500 * MS)
            for row in range(len(SYMBOLS)):
                self.answer(row)


@given(SHAPES, STEPS, st.integers(1, 20))
@settings(max_examples=150, deadline=None)
def test_every_book_becomes_live_and_no_live_one_loses_its_subscription(shape, steps, allowance):
    play = Play(shape, allowance)
    play.send()
    for kind, value in steps:
        play.step(kind, value)
        live = np.flatnonzero(play.instruments[:, M.I_SYNC] == M.SYNC_LIVE)
        for row in live:
            assert SYMBOLS[row] in play.venue.books[int(play.instruments[row, M.I_REQUEST])]
    play.settle()
    assert (play.instruments[:, M.I_SYNC] == M.SYNC_LIVE).all()
    for row, symbol in enumerate(SYMBOLS):
        assert symbol in play.venue.books[int(play.instruments[row, M.I_REQUEST])]
        if shape.trades == "separate":
            assert symbol in play.venue.trades[int(play.instruments[row, M.I_TRADE_REQUEST])]
            assert sum(symbol in symbols for symbols in play.venue.trades.values()) == 1
