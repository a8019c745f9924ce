"""The decoder against naive books: any market, split anywhere into reads; and random bytes."""

from collections.abc import Collection, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.fix.encode import Field, frame_bytes
from quotelife.fix.session import EXPECTED
from quotelife.market.board import layout as L
from quotelife.market.capture.layout import HEADER_WORDS
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import FOR_SESSION, MALFORMED, NEEDS_BYTES
from quotelife.marketdata.prefetch import MIN_SYMBOLS
from tests.unit.marketdata.decoder_rig import REQUEST, Rig, message

SYMBOLS = ("A", "B", "Unknown")


class NaiveOrders:
    """Orders by id; levels are sums."""

    def __init__(self) -> None:
        self.orders: dict[str, tuple[int, int, int]] = {}

    def apply(self, action: int, side: int, key: str, ticks: int, size: int) -> None:
        if action == 2 or size == 0:
            self.orders.pop(key, None)
        else:
            self.orders[key] = (side, ticks, size)

    def book(self) -> tuple[dict[int, int], dict[int, int]]:
        levels: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for side, ticks, size in self.orders.values():
            levels[side][ticks] = levels[side].get(ticks, 0) + size
        return levels


class NaiveLevels:
    def __init__(self) -> None:
        self.levels: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def apply(self, action: int, side: int, key: str, ticks: int, size: int) -> None:
        self.levels[side].pop(ticks, None)
        if action != 2 and size > 0:
            self.levels[side][ticks] = size

    def book(self) -> tuple[dict[int, int], dict[int, int]]:
        return self.levels


entries = st.tuples(
    st.sampled_from([0, 1, 2]),  # action
    st.sampled_from([0, 1]),  # side
    st.sampled_from(["x1", "x2", "x3", "longer-identifier", "0"]),
    st.integers(-3, 12),  # ticks
    st.integers(0, 9),
    st.sampled_from(SYMBOLS),
    st.booleans(),  # omit the symbol if it is the previous entry's
)
messages = st.lists(st.lists(entries, min_size=1, max_size=5), max_size=12)
fractions = st.lists(st.floats(0, 1), max_size=8)


def as_possible(market: list[list[tuple]], by_order: bool, emptied: Collection[int] = ()) -> list[list[tuple]]:
    """The market with actions that its book can follow; ids are sent by order alone, since they would name levels.

    `emptied`: numbers of the messages before which both books are made empty."""
    if not by_order:
        return [[(a, side, None, *rest) for a, side, _, *rest in group] for group in market]
    resting: dict[tuple[str, str], int] = {}
    possible = []
    for n, group in enumerate(market):
        possible.append([])
        if n in emptied:
            resting = {}
        for action, side, key, ticks, size, symbol, leave_out in group:
            held = resting.get((symbol, key))
            action = 0 if held is None else max(action, 1)
            size = size or 1 if held is None else size
            if action == 2 or size == 0:
                side = resting.pop((symbol, key))
            else:
                resting[symbol, key] = side
            # an id alone is looked for in all books, unless the entry before is of one that holds it
            possible[-1].append((action, side, key, ticks, size, symbol, leave_out and symbol != "Unknown"))
    return possible


def fields_of(group: list[tuple]) -> Iterator[Field]:
    before = None
    for action, side, key, ticks, size, symbol, leave_out in group:
        yield from ((279, action), (269, side))
        if not (leave_out and symbol == before):
            yield 55, symbol
        before = symbol
        if key is not None:
            yield 278, key
        yield 270, f"{ticks * 0.5}"
        if action != 2 or size % 2:
            yield 271, size


def chunks(stream: bytes, cuts: list[float]) -> Iterator[bytes]:
    places = sorted(int(cut * len(stream)) for cut in cuts)
    yield from (stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True))


@given(market=messages, cuts=fractions, by_order=st.booleans(), silent=st.sampled_from([0, 2 * MIN_SYMBOLS]))
@settings(max_examples=150, deadline=None)
def test_books_equal_the_naive_ones(market, cuts, by_order, silent):
    rig, market = Rig(by_order=by_order, silent=silent), as_possible(market, by_order)
    naive = {symbol: NaiveOrders() if by_order else NaiveLevels() for symbol in SYMBOLS}
    stream = b"".join(message("W", n, [(55, s), (262, REQUEST), (268, 0)]) for n, s in ((1, "A"), (2, "B")))
    for n, group in enumerate(market, 3):
        stream += message("X", n, [(268, len(group)), *fields_of(group)])
        for action, side, key, ticks, size, symbol, _ in group:
            naive[symbol].apply(action, side, key, ticks, size)
    for chunk in chunks(stream, cuts):
        assert rig.feed(chunk) == NEEDS_BYTES
    assert rig.decoder_state.sequence[EXPECTED] == 3 + len(market)
    for row, symbol in enumerate("AB"):
        expected = naive[symbol].book()
        assert rig.book(row) == expected
        board = rig.board.rows[row]
        assert board[L.STATE] == L.BOOK_LIVE
        for n_at, px_at, best in ((L.N_BID, L.BID_PX, max), (L.N_ASK, L.ASK_PX, min)):
            levels = expected[n_at - L.N_BID]
            assert board[n_at] == min(len(levels), L.DEPTH)
            if levels:
                assert board[px_at] == best(levels)
    assert rig.control[M.UNKNOWN_SYMBOLS] == sum(e[5] == "Unknown" for group in market for e in group)


soup = st.lists(
    st.one_of(
        st.sampled_from(
            [b"55=A\x01", b"55=B\x01", b"279=0\x01", b"269=0\x01", b"269=1\x01", b"268=2\x01", b"262=77\x01"]
        ),
        st.sampled_from(
            [b"270=1\x01", b"271=2\x01", b"278=x\x01", b"83=3\x01", b"273=12:00:00\x01", b"269=2\x01", b"43=Y\x01"]
        ),
        st.binary(max_size=6).map(lambda b: b + b"\x01"),
        st.tuples(st.integers(0, 10**12), st.binary(max_size=6)).map(lambda f: b"%d=%b\x01" % f),
    ),
    max_size=20,
)


@given(st.lists(st.tuples(st.sampled_from([b"W", b"X"]), soup), max_size=8), st.booleans())
@settings(max_examples=300, deadline=None)
def test_random_messages_leave_a_consistent_state(bodies, by_order):
    """Random framed messages are applied, rejected or passed on one by one; the books stay sorted."""
    rig = Rig(by_order=by_order)
    rig.snapshot()
    for kind, body in bodies:
        header = b"35=%b\x0149=V\x0156=D\x0134=%d\x01" % (kind, rig.decoder_state.sequence[EXPECTED])
        found = rig.feed(frame_bytes(b"FIX.4.4", header + b"".join(body)))
        assert found in (NEEDS_BYTES, MALFORMED, FOR_SESSION)
        assert rig.control[M.START] == rig.control[M.END]
        assert not rig.decoder_state.instruments[:, M.I_TOUCHED].any()
        if found == FOR_SESSION:
            rig.decoder_state.sequence[EXPECTED] += 1
        for row in range(2):
            bids, offers = rig.book(row)
            assert list(bids) == sorted(bids)
            assert list(offers) == sorted(offers, reverse=True)
            assert all(size > 0 for size in (*bids.values(), *offers.values()))


pieces = st.lists(
    st.one_of(
        st.lists(entries, min_size=1, max_size=3),
        soup.map(lambda body: b"".join(body)),
        st.binary(max_size=40),
        st.sampled_from([b"8=FIX.4.4\x019=9999999\x01", b"8=FIX.4.4\x019=5\x01", b"\x0155=", b"8=FIX"]),
    ),
    max_size=12,
)


@given(pieces, fractions, st.booleans())
@settings(max_examples=150, deadline=None)
def test_prefetching_does_not_change_results(parts, cuts, by_order):
    """Messages, random frames and random bytes give the same board, books and events with and without prefetching."""
    rigs = [Rig(by_order=by_order, silent=silent) for silent in (0, 2 * MIN_SYMBOLS)]
    stream, seq = b"", 2
    for part in parts:
        if isinstance(part, list):
            stream += message("X", seq, [(268, len(part)), *fields_of(part)])
            seq += 1
        elif b"=" in part and not part.startswith((b"8=", b"\x01")):
            stream += frame_bytes(b"FIX.4.4", b"35=X\x0149=V\x0156=D\x0134=%d\x01" % seq + part)
            seq += 1
        else:
            stream += part
    for rig in rigs:
        rig.snapshot()
    for chunk in chunks(stream, cuts):
        found = [everything(rig, chunk) for rig in rigs]
        assert found[0] == found[1]
        assert (rigs[0].board.rows == rigs[1].board.rows).all()
        assert (rigs[0].decoder_state.ring == rigs[1].decoder_state.ring)[HEADER_WORDS:].all()
        assert rigs[0].counters() == rigs[1].counters()
        assert [rigs[0].book(row) for row in range(2)] == [rigs[1].book(row) for row in range(2)]


def everything(rig: Rig, data: bytes) -> list[int]:
    """Return values of `decode` until all of `data` is decoded; messages for the session count as processed."""
    found = [rig.feed(data)]
    while found[-1] != NEEDS_BYTES:
        rig.decoder_state.sequence[EXPECTED] += found[-1] == FOR_SESSION
        found.append(rig.feed(b""))
    return found
