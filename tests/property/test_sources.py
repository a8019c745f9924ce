"""The book of an instrument of several venues is the naive sum over the usable ones, after every event."""

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.market.board import layout as L
from quotelife.market.book.levels import Books
from quotelife.market.capture import layout as C
from quotelife.market.capture.apply import COMPLETE, apply
from quotelife.market.capture.writer import write_status
from quotelife.market.sources.merge import MERGED_LEVELS
from tests.unit.market.sources.sources_rig import STALE_NS, Level, SourcesRig
from tests.unit.marketdata.feed_rig import ROW as FEED_ROW
from tests.unit.marketdata.feed_rig import SYMBOLS, FeedRig

VENUES = 3
OF_SOURCES = L.VENUE, L.PARTS, L.COMBINE, L.N_SOURCES, L.FIRST_SOURCE
CONSTANT = L.CORRELATED, L.VOLATILITY_INDEX_ROW, L.TICK_SIZE, L.STALE_AFTER_NS, L.SENTIMENT_HALF_LIFE_NS
_LEVELS = st.dictionaries(st.integers(90, 120), st.integers(1, 9), max_size=20)
_VENUE = st.integers(0, VENUES - 1)
_EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("quote"), _VENUE, st.tuples(_LEVELS, _LEVELS)),
        st.tuples(st.just("halt"), _VENUE, st.integers(0, 1)),
        st.tuples(st.just("late"), _VENUE, st.integers(0, 1)),
        st.tuples(st.just("up"), _VENUE, st.integers(0, 1)),
        st.tuples(st.just("state"), _VENUE, st.sampled_from([L.BOOK_GAP, L.BOOK_DISCONNECTED])),
        st.tuples(st.just("silence"), _VENUE, st.integers(0, STALE_NS + 1)),
        st.tuples(st.just("trade"), _VENUE, st.integers(90, 120)),
    ),
    max_size=30,
)


class NaiveVenue:
    """What a venue has said, as dictionaries."""

    def __init__(self) -> None:
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.live, self.up, self.halted, self.late, self.heard_ns = False, True, False, False, 0

    def usable(self, now_ns: int) -> bool:
        return self.live and self.up and not self.halted and not self.late and now_ns - self.heard_ns <= STALE_NS


def naive_book(parts: list[NaiveVenue]) -> tuple[list[Level], list[Level]]:
    sides = []
    for side in range(2):
        total = Counter[int]()
        for venue in parts:
            total.update(venue.sides[side])
        sides.append(sorted(total.items(), key=lambda level: level[0], reverse=side == 0)[:MERGED_LEVELS])
    return sides[0], sides[1]


def happen(rig: SourcesRig, naive: list[NaiveVenue], what: str, i: int, value: object) -> None:
    venue = naive[i]
    if what == "quote":
        venue.sides, venue.live = value, True
        rig.quote(i, *(list(side.items()) for side in value))
        venue.heard_ns = rig.now_ns
    elif what == "halt":
        venue.halted = bool(value)
        rig.halt(i, int(value))
    elif what == "late":
        venue.late = bool(value)
        rig.set_venue(i, L.V_LATE_SINCE_NS, rig.now_ns if value else 0)
    elif what == "up":
        venue.up = bool(value)
        rig.set_venue(i, L.V_STATE, int(value))
    elif what == "state":
        venue.live, venue.sides = False, ({}, {})
        rig.set_state(i, int(value))
    elif what == "trade":
        rig.trade(i, int(value), 1)
    else:
        rig.now_ns += int(value)
        rig.hear(i)
        venue.heard_ns = rig.now_ns
        rig.refresh()


@given(events=_EVENTS, combine=st.sampled_from([L.COMBINE_FAILOVER, L.COMBINE_CONSOLIDATED]))
@settings(max_examples=200, deadline=None)
def test_book_is_the_naive_sum_over_usable_venues(events, combine):
    rig, naive = SourcesRig(VENUES, combine, captured=1 << 13), [NaiveVenue() for _ in range(VENUES)]
    for venue in naive:
        venue.heard_ns = rig.now_ns
    write_status(rig.ring.words, C.START, 0, 0, rig.now_ns)
    traded = 0
    for what, i, value in events:
        happen(rig, naive, what, i, value)
        usable = [venue for venue in naive if venue.usable(rig.now_ns)]
        parts = usable if combine == L.COMBINE_CONSOLIDATED else usable[:1]
        traded += what == "trade" and naive[i] in parts
        if parts:
            assert rig.book() == naive_book(parts)
            assert rig.row[L.STATE] == L.BOOK_LIVE and rig.row[L.HALTED] == 0
            assert sum(1 << naive.index(venue) for venue in parts) == rig.row[L.PARTS]
            assert rig.status() in ("ok", "one_sided", "crossed")
        else:
            assert rig.status() not in ("ok", "one_sided", "crossed")
            traded += what == "trade" and rig.row[L.TRADES] > traded  # of the venue that stands for all
        assert rig.row[L.TRADES] == traded
    check_capture(rig)


_ENTRY = st.fixed_dictionaries(
    {279: st.sampled_from("0012256")},
    optional={
        269: st.sampled_from("00001112J?"),
        278: st.sampled_from("ab"),
        270: st.integers(90, 110).map(str) | st.just("x"),
        271: st.integers(0, 9).map(str),
    },
)
_MESSAGE = st.tuples(st.sampled_from("AB"), st.sampled_from("XXXWW"), st.lists(_ENTRY, min_size=1, max_size=4))


def naive_parts(rig: FeedRig) -> list[int]:
    """The rows of the venues' books that make the instrument's, by the words of the board."""
    usable = [row for row in (2, 3) if rig.board.all_rows[row, L.STATE] == L.BOOK_LIVE]
    return usable if rig.combine == "consolidated" else usable[:1]


def levels_of(books: Books, row: int, side: int) -> list[Level]:
    """Levels of a side, best first."""
    n = int(books.n[row, side])
    return list(zip(books.px[row, side, :n].tolist(), books.sz[row, side, :n].tolist(), strict=True))[::-1]


def fields_of(name: str, msg_type: str, entries: list[dict[int, str]]) -> list[tuple[int, object]]:
    """The fields of a message; each entry begins with its delimiter."""
    found: list[tuple[int, object]] = [(55, SYMBOLS[name])] if msg_type == "W" else []
    found.append((268, len(entries)))
    for entry in entries:
        if msg_type == "X":
            found += [(279, entry[279]), (55, SYMBOLS[name])]
        found += [(tag, entry[tag]) for tag in (269, 278, 270, 271) if tag in entry]
    return found


@given(messages=st.lists(_MESSAGE, max_size=20), combine=st.sampled_from(["failover", "consolidated"]))
@settings(max_examples=60, deadline=None)
def test_book_is_the_naive_sum_after_every_message(messages, combine):
    with tempfile.TemporaryDirectory() as folder:
        rig = FeedRig(Path(folder), combine)
        for name, msg_type, entries in messages:
            rig.send(name, msg_type, *fields_of(name, msg_type, entries))
            parts = naive_parts(rig)
            assert (rig.board.rows[FEED_ROW, L.STATE] == L.BOOK_LIVE) == bool(parts)
            for side in range(2):
                total = Counter[int]()
                for row in parts:
                    total.update(dict(levels_of(rig.shared.books, row, side)))
                best = sorted(total.items(), reverse=side == 0)[:MERGED_LEVELS]
                assert levels_of(rig.shared.books, FEED_ROW, side) == best


def check_capture(rig: SourcesRig) -> None:
    """The instrument's events alone restore its row and its book."""
    rows, books, known = np.zeros_like(rig.board.all_rows), Books(len(rig.board.all_rows), 64), np.zeros(9, np.int64)
    words = rig.events().words
    for at in range(len(words)):
        apply(words[at:], rows, books.px, books.sz, books.cnt, books.n, known)
    assert known[0] == COMPLETE
    differs = np.flatnonzero(rows[0] != rig.row)
    assert set(differs.tolist()) <= {*OF_SOURCES, *CONSTANT}
    for name in ("n", "px", "sz", "cnt"):
        mine, its = getattr(books, name)[0], getattr(rig.books, name)[0]
        held = [mine] if name == "n" else [mine[side, : books.n[0, side]] for side in range(2)]
        others = [its] if name == "n" else [its[side, : books.n[0, side]] for side in range(2)]
        assert [a.tolist() for a in held] == [b.tolist() for b in others]
