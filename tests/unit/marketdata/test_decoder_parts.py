"""Snapshots and changes in parts (LastFragment, 893): a book is not used before its last part is there."""

import numpy as np
import pytest

from quotelife.market.board import layout as L
from quotelife.market.book.levels import Books
from quotelife.market.capture import layout as C
from quotelife.market.capture.apply import apply
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import MALFORMED
from tests.unit.marketdata.decoder_rig import REQUEST, Rig
from tests.unit.marketdata.test_decoder_trust import BOOK, assert_spoiled, live_rig, position_rig, receive, rig_of

FRAGMENT = "893=N 279=2 269=0 55=A 270=100"
OF_B = "279=0 269=0 55=B 270=100.5 271=1"
WITHOUT_100 = ({199: 2}, BOOK[1])


def fragmented(rig: Rig) -> Rig:
    """A has lost its bid at 100, and more of this change is to come."""
    rig.snapshot("B")
    shown = rig.board.rows[0, L.BID_PX : L.TRADE_PX].tolist()
    receive(rig, FRAGMENT)
    assert rig.state() == L.BOOK_GAP
    assert rig.board.rows[0, L.BID_PX : L.TRADE_PX].tolist() == shown
    assert rig.reasons() == {}
    return rig


def assert_shown(rig: Rig, book: tuple[dict[int, int], dict[int, int]]) -> None:
    assert rig.reasons() == {}
    assert (rig.state(), rig.book()) == (L.BOOK_LIVE, book)
    assert rig.board.rows[0, L.BID_PX] == max(book[0])


# --- changes


@pytest.mark.parametrize("last", [OF_B, "279=0 269=2 55=A 270=99.5 271=1", "279=0 269=0 55=unknown 270=1 271=1"])
def test_a_change_ends_with_its_last_fragment_whatever_that_names(last):
    rig = fragmented(live_rig())
    receive(rig, f"893=Y {last}")
    assert_shown(rig, WITHOUT_100)


def test_a_change_ends_with_an_x_of_its_book_without_893():
    rig = fragmented(live_rig())
    receive(rig, "893=N " + OF_B)
    receive(rig, "279=1 269=0 55=A 270=99.5 271=7 279=1 269=0 55=B 270=100.5 271=2")
    assert_shown(rig, ({199: 7}, BOOK[1]))
    assert rig.state(1) == L.BOOK_LIVE


def test_a_message_between_two_fragments_spoils_the_book():
    rig = fragmented(live_rig())
    receive(rig, OF_B)
    assert_spoiled(rig, "out_of_order", 0)
    rig = fragmented(live_rig())
    rig.snapshot("B")
    assert_spoiled(rig, "out_of_order", 0)


def test_a_malformed_message_after_a_fragment_spoils_the_book():
    rig = fragmented(live_rig())
    assert rig.receive("X", (893, "Y"), (268, 1), (279, 0), (269, 0), (55, "Z"), (270, "")) == MALFORMED
    assert_spoiled(rig, "malformed", 0)


@pytest.mark.parametrize("found", ["279=1 269=0 55=B 280=nobody 270=100 271=1", OF_B])
def test_a_malformed_message_leaves_a_book_alone_that_was_asked_for_anew_since_a_fragment(found):
    """The book of B is spoiled by its part of the change, or by its subscription."""
    rig = fragmented(live_rig())
    receive(rig, f"893=N {found}")
    rig.decoder_state.instruments[1, M.I_SYNC] = M.SYNC_WAITING
    assert rig.receive("X", (893, "Y"), (268, 1), (279, 0), (269, 0), (55, "A"), (270, "")) == MALFORMED
    assert rig.reasons()["malformed"] == 1
    assert rig.decoder_state.instruments[:, M.I_SYNC].tolist() == [M.SYNC_NONE, M.SYNC_WAITING]
    rig.snapshot("B")


def test_a_snapshot_takes_the_place_of_an_incomplete_change():
    rig = fragmented(live_rig())
    receive(rig, "55=A 269=0 270=100 271=9", "W")
    assert_shown(rig, ({200: 9}, {}))


def test_the_same_rpt_seq_is_not_repeated_in_the_next_fragment():
    rig = rig_of()
    rig.snapshot(rpt_seq=10)
    receive(rig, "893=N 279=2 269=0 55=A 270=100 83=11")
    receive(rig, "893=Y 279=2 269=0 55=A 270=99.5 83=11")
    assert_spoiled(rig, "rpt_seq_gap", 0)


def test_a_level_beyond_the_window_that_an_earlier_fragment_put():
    rig = live_rig(depth=2)
    receive(rig, "893=N 279=0 269=0 55=A 270=99 271=1")
    receive(rig, "893=Y 279=1 269=0 55=A 270=100 271=9")
    assert_spoiled(rig, "window", 0)


def replayed(rig: Rig) -> tuple[dict[int, int], dict[int, int]]:
    """The book of row 0 by the capture."""
    events = rig.shared.capture.events[: rig.shared.capture.header[C.H_NEXT]]
    rows, books = np.zeros_like(rig.board.all_rows), Books(len(rig.board.all_rows))
    known = np.ones(len(rows), np.int64)
    for at in range(len(events)):
        apply(events[at : at + 1], rows, books.px, books.sz, books.cnt, books.n, known)
    bids, offers = (
        dict(zip(books.px[0, side, : books.n[0, side]].tolist(), books.sz[0, side].tolist(), strict=False))
        for side in range(2)
    )
    return bids, offers


def test_fragments_of_positions_are_captured():
    rig = position_rig()
    receive(rig, "893=N 279=2 269=0 55=A 1023=1")
    receive(rig, "893=Y 279=0 269=0 55=A 1023=1 270=101 271=5 279=2 269=1 1023=1")
    assert_shown(rig, ({199: 2, 202: 5}, {204: 4}))
    assert replayed(rig) == rig.book()


# --- snapshots


@pytest.mark.parametrize("spoiled", [False, True])
@pytest.mark.parametrize("parts", [1, 2])
def test_the_rest_of_an_earlier_snapshot_is_not_the_answer(spoiled, parts):
    rig = rig_of()
    receive(rig, "55=A 893=N 269=0 270=100 271=1 269=1 270=101 271=1", "W")
    if spoiled:
        receive(rig, "279=0 269=0 55=A 270=100.5 271=1")
        assert rig.reasons() == {"out_of_order": 1}
    rig.decoder_state.instruments[0, :2] = M.SYNC_WAITING, REQUEST + 1  # what a subscription does
    for last in ["N"] * (parts - 1) + ["Y"]:
        receive(rig, f"55=A 893={last} 269=0 270=99 271=1 269=1 270=102 271=1", "W")
    assert rig.state() != L.BOOK_LIVE
    receive(rig, "55=A 269=0 270=100 271=7", "W")
    assert rig.book() == ({200: 7}, {})
    assert rig.state() == L.BOOK_LIVE


def test_a_snapshot_with_the_new_request_needs_no_end_of_the_earlier_one():
    rig = rig_of()
    receive(rig, "55=A 893=N 269=0 270=100 271=1", "W")
    rig.decoder_state.instruments[0, :2] = M.SYNC_WAITING, REQUEST + 1
    receive(rig, f"55=A 262={REQUEST + 1} 893=N 269=0 270=100 271=7", "W")
    receive(rig, f"55=A 262={REQUEST + 1} 893=Y 269=1 270=101 271=7", "W")
    assert (rig.book(), rig.state()) == (({200: 7}, {202: 7}), L.BOOK_LIVE)


def test_a_snapshot_of_a_refused_request_is_no_end_of_the_earlier_one():
    rig = rig_of()
    receive(rig, "55=A 893=N 269=0 270=100 271=1", "W")
    rig.decoder_state.instruments[0, :2] = M.SYNC_NONE, 0
    receive(rig, f"55=A 262={REQUEST} 269=0 270=100 271=1", "W")
    rig.decoder_state.instruments[0, :2] = M.SYNC_WAITING, REQUEST + 1
    receive(rig, "55=A 893=Y 269=0 270=99 271=1", "W")
    assert rig.state() != L.BOOK_LIVE


def test_the_rest_of_a_malformed_part_is_not_the_answer():
    rig = rig_of()
    fields = [(55, "A"), (268, 1), (269, 0), (270, "x"), (271, 1), (893, "N")]
    assert rig.receive("W", *fields) == MALFORMED
    rig.decoder_state.instruments[0, :2] = M.SYNC_WAITING, REQUEST + 1
    receive(rig, "55=A 893=Y 269=0 270=99 271=1", "W")
    assert rig.state() == L.BOOK_GAP
