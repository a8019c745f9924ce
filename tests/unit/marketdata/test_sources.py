"""Two venues of one instrument, each with its feed: from their messages to the instrument's row."""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from quotelife.market.board import layout as L
from quotelife.market.capture import layout as C
from quotelife.market.sources.parts_log import PartsLog
from quotelife.marketdata.feed import VenueFeed
from tests.unit.marketdata.feed_rig import ROW, FeedRig


@pytest.fixture(params=["failover", "consolidated"])
def rig(request) -> Iterator[FeedRig]:
    with tempfile.TemporaryDirectory() as folder:
        rig = FeedRig(Path(folder), request.param)
        rig.snapshot("A", 99, 101, 5)
        rig.snapshot("B", 99, 102, 3)
        yield rig


def together(rig: FeedRig) -> tuple[int, int, int, int]:
    return (99, 8, 101, 5) if rig.combine == "consolidated" else (99, 5, 101, 5)


B_ALONE = (99, 3, 102, 3)


def test_books_are_combined(rig):
    assert rig.top() == together(rig)
    assert [int(n) for n in rig.board.all_rows[2:4, L.BID_SZ]] == [5, 3]  # the venues' own
    assert rig.board.rows[0, L.STATE] == L.BOOK_EMPTY


def spoil(rig: FeedRig) -> None:
    rig.send("A", "X", (268, 1), (279, 1), (269, 0), (55, "EUR/USD"), (270, "99"))  # without a size


def disconnect(rig: FeedRig) -> None:
    rig.feeds["A"].disconnected(rig.now_ns)


def halt(rig: FeedRig) -> None:
    rig.send("A", "f", (55, "EUR/USD"), (326, 2))


def gap(rig: FeedRig) -> None:
    rig.seq_num["A"] += 5
    rig.send("A", "0")


def malformed(rig: FeedRig) -> None:
    rig.increment("A", (279, 0), (269, 0), (270, "abc"), (271, 1))


def fragment(rig: FeedRig) -> None:
    """A change whose rest is to come; B moves meanwhile."""
    rig.send("A", "X", (893, "N"), (268, 1), (279, 2), (269, 0), (55, "EUR/USD"), (270, 99))
    rig.increment("B", (279, 1), (269, 0), (270, 99), (271, 3))


def late(rig: FeedRig) -> None:
    rig.delay_ns = 3 * 10**9
    rig.send("A", "0")


def silent(rig: FeedRig) -> None:
    rig.now_ns += 3 * 10**9
    rig.feeds["B"]._block[L.V_LAST_RECEIVED_NS] = rig.now_ns
    rig.shared.sources.refresh(rig.now_ns)


@pytest.mark.parametrize("reason", [spoil, disconnect, halt, gap, malformed, fragment, late, silent])
def test_the_part_of_a_venue_that_is_not_usable_is_removed(rig, reason):
    changes = int(rig.board.header[L.H_CHANGES])
    reason(rig)
    assert rig.parts() == 0b10 and rig.top() == B_ALONE
    if reason is not silent:  # that the process's heartbeat finds
        assert rig.board.header[L.H_CHANGES] > changes


def test_a_disconnected_venue_comes_back_with_its_snapshot(rig):
    disconnect(rig)
    rig.log_on("A")
    assert rig.top() == B_ALONE
    rig.snapshot("A", 99, 101, 5)
    assert rig.top() == together(rig)


def test_a_venue_comes_back_when_its_change_is_complete(rig):
    fragment(rig)
    rig.send("A", "X", (893, "Y"), (268, 1), (279, 0), (269, 0), (55, "EUR/USD"), (270, 99), (271, 5))
    assert rig.top() == together(rig)


def test_a_halted_venue_comes_back_when_it_resumes(rig):
    halt(rig)
    rig.increment("A", (279, 1), (269, 0), (270, 99), (271, 6))
    assert rig.top() == B_ALONE
    rig.send("A", "f", (55, "EUR/USD"), (326, 17))
    assert rig.top()[1] == together(rig)[1] + 1


def test_a_venue_that_speaks_again_is_part_before_its_message_is_applied(rig):
    silent(rig)
    rig.now_ns += 10**6
    rig.increment("A", (279, 0), (269, 2), (270, 101), (271, 7))  # a trade, which is no change of a book
    assert rig.board.rows[ROW, L.TRADED_LOTS] == 7 and rig.parts() & 1


def test_trades_are_those_of_the_parts(rig):
    rig.increment("B", (279, 0), (269, 2), (270, 99), (271, 7))
    rig.increment("A", (279, 0), (269, 2), (270, 101), (271, 2))
    consolidated = rig.combine == "consolidated"
    assert rig.board.rows[ROW, L.TRADED_LOTS] == (9 if consolidated else 2)
    block = rig.events()
    assert block.source[block.kind == C.TRADE].tolist() == ([2, 1] if consolidated else [1])


def test_news_of_a_venue_is_about_the_instrument(rig):
    rig.send("B", "B", (148, "headline"), (33, 1), (58, "text"), (146, 1), (55, "EURUSD"), (20010, "-0.5"))
    assert rig.board.rows[ROW, L.SENTIMENT_NS] > 0 and rig.board.rows[0, L.SENTIMENT_NS] == 0


def test_a_change_of_venues_is_logged_once(rig, caplog):
    log = PartsLog(rig.config, rig.board, rig.shared.sources)
    both = "A + B" if rig.combine == "consolidated" else "A"
    with caplog.at_level(logging.INFO, "quotelife.market.sources.parts_log"):
        log.poll(rig.now_ns)
        disconnect(rig)
        log.poll(rig.now_ns)
        log.poll(rig.now_ns)
        rig.feeds["B"].disconnected(rig.now_ns)
        log.poll(rig.now_ns)
    assert [record.message for record in caplog.records] == [
        f"books are now of: EUR/USD: {venues}" for venues in (both, "B", "no usable venue")
    ]


def test_an_instrument_of_one_venue_beside_it_is_as_ever(rig):
    rig.send("B", "W", (55, "OTHER"), (268, 1), (269, 0), (270, 7), (271, 2))
    assert rig.board.rows[0, L.BID_PX] == 7 and rig.board.rows[0, L.N_SOURCES] == 0
    assert rig.top() == together(rig)


def test_each_feed_is_a_writer_of_its_own_rows(rig):
    rows = [feed._rows.tolist() for feed in rig.feeds.values()]
    assert rows == [[2], [0, 3]] and isinstance(rig.feeds["A"], VenueFeed)
