"""One book of several venues: parts come and go with what makes a venue usable."""

import pytest

from quotelife.market.board import layout as L
from quotelife.market.capture import layout as C
from tests.unit.market.sources.sources_rig import STALE_NS, SourcesRig

A = [(99, 5), (98, 5)], [(101, 5)]
B = [(99, 2)], [(100, 3), (101, 1)]
BOTH = [(99, 7), (98, 5)], [(100, 3), (101, 6)]


def rig_with_both(combine: int = L.COMBINE_CONSOLIDATED) -> SourcesRig:
    rig = SourcesRig(combine=combine)
    rig.quote(0, *A)
    rig.quote(1, *B)
    return rig


def stale(rig: SourcesRig, i: int, gone: bool) -> None:
    rig.now_ns += STALE_NS + 1 if gone else 0
    rig.hear(*({0, 1} - {i} if gone else {0, 1}))
    rig.refresh()


def session_is_down(rig: SourcesRig, i: int, gone: bool) -> None:
    rig.set_venue(i, L.V_STATE, L.VENUE_DOWN if gone else L.VENUE_UP)


def late(rig: SourcesRig, i: int, gone: bool) -> None:
    rig.set_venue(i, L.V_LATE_SINCE_NS, rig.now_ns if gone else 0)


def halted(rig: SourcesRig, i: int, gone: bool) -> None:
    rig.halt(i, int(gone))


def invalid(rig: SourcesRig, i: int, gone: bool) -> None:
    if gone:
        rig.set_state(i, L.BOOK_GAP)
    else:
        rig.quote(i, *(A, B)[i])


REASONS = [stale, session_is_down, late, halted, invalid]


def test_levels_add_up_over_venues():
    rig = SourcesRig()
    assert rig.status() == "no_book"
    rig.quote(0, *A)
    assert rig.book() == A and rig.status() == "ok"
    rig.quote(1, *B)
    assert rig.book() == BOTH and rig.status() == "ok"
    rig.quote(0, [(98, 5)], [])
    assert rig.book() == ([(99, 2), (98, 5)], B[1])


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("i", [0, 1])
def test_a_venues_part_is_removed_and_comes_back(reason, i):
    rig = rig_with_both()
    reason(rig, i, True)
    assert rig.book() == (B, A)[i] and rig.row[L.PARTS] == 2 >> i
    assert rig.status() == "ok" and rig.row[L.VENUE] == 1 - i
    reason(rig, i, False)
    assert rig.book() == BOTH and rig.row[L.PARTS] == 0b11 and rig.status() == "ok"


@pytest.mark.parametrize("reason", REASONS)
def test_failover_to_the_next_venue_and_back(reason):
    rig = rig_with_both(L.COMBINE_FAILOVER)
    assert rig.book() == A and rig.row[L.VENUE] == 0
    reason(rig, 0, True)
    assert rig.book() == B and rig.row[L.VENUE] == 1 and rig.status() == "ok"
    reason(rig, 0, False)
    assert rig.book() == A and rig.row[L.VENUE] == 0 and rig.status() == "ok"


def test_the_second_venue_of_a_failover_changes_nothing_while_the_first_is_usable():
    rig = rig_with_both(L.COMBINE_FAILOVER)
    version, events = rig.row[L.VERSION], len(rig.events().words)
    rig.quote(1, [(50, 1)], [(60, 1)])
    rig.trade(1, 55, 1)
    assert (rig.row[L.VERSION], len(rig.events().words)) == (version, events)


@pytest.mark.parametrize(
    ("reason", "status"),
    [(stale, "stale"), (session_is_down, "disconnected"), (late, "late"), (halted, "halted"), (invalid, "gap")],
)
@pytest.mark.parametrize("combine", [L.COMBINE_FAILOVER, L.COMBINE_CONSOLIDATED])
def test_without_a_usable_venue_the_reason_is_that_of_one(reason, status, combine):
    rig = rig_with_both(combine)
    if reason is stale:
        rig.now_ns += STALE_NS + 1
        rig.refresh()
    else:
        for i in range(2):
            reason(rig, i, True)
    assert rig.status() == status
    reason(rig, 1, False)
    assert rig.status() == "ok"


def test_the_venue_that_is_nearest_to_being_usable_stands_for_all():
    rig = rig_with_both()
    session_is_down(rig, 0, True)
    halted(rig, 1, True)
    assert rig.status() == "halted" and rig.row[L.PARTS] == 0b10
    rig.set_state(1, L.BOOK_GAP)
    assert rig.status() == "gap" and rig.book() == ([], [])
    session_is_down(rig, 1, True)
    assert rig.status() == "disconnected"


def test_a_book_without_sources_begins_anew_with_the_first_that_comes():
    rig = rig_with_both()
    rig.set_state(0, L.BOOK_DISCONNECTED)
    rig.set_state(1, L.BOOK_GAP)
    assert rig.row[L.STATE] == L.BOOK_GAP and rig.book() == ([], [])
    rig.quote(1, *B)
    assert rig.row[L.FIRST_EVENT_NS] == rig.now_ns and rig.book() == B  # windows are those of a first book


def test_a_crossed_sum_is_crossed():
    rig = SourcesRig()
    rig.quote(0, [(99, 1)], [(100, 1)])
    rig.quote(1, [(100, 1)], [(101, 1)])
    assert rig.status() == "crossed"
    rig.quote(1, [(98, 1)], [(101, 1)])
    assert rig.status() == "ok"


def test_the_book_is_as_old_as_its_stalest_part():
    rig = rig_with_both()
    assert rig.row[L.VENUE] == 0
    rig.apply(0)
    assert rig.row[L.VENUE] == 1
    rig.now_ns += STALE_NS
    rig.hear(0)
    assert rig.status() == "stale"  # before the writer has removed the part of B
    rig.refresh()
    assert rig.status() == "ok" and rig.book() == A


def test_trades_are_those_of_the_parts():
    rig = rig_with_both()
    rig.trade(0, 101, 2)
    rig.trade(1, 99, 3, -1)
    assert (rig.row[L.TRADES], rig.row[L.TRADED_LOTS]) == (2, 5)
    halted(rig, 1, True)
    rig.trade(1, 99, 10)
    assert (rig.row[L.TRADES], rig.row[L.TRADE_PX]) == (2, 99)
    block = rig.events()
    trades = block.words[block.kind == C.TRADE]
    assert trades[:, [C.A, C.B, C.C, C.D]].tolist() == [[101, 2, 0, 1], [99, 3, -1, -1]]
    assert block.source[block.kind == C.TRADE].tolist() == [1, 2]


def test_order_flow_is_that_of_the_parts_messages():
    rig = rig_with_both(L.COMBINE_FAILOVER)
    rig.apply(0, (3, 0, 1, 0))
    rig.apply(1, (0, 50, 0, 0))
    adds = rig.row[L.CHANNELS + L.C_BID_ADD], rig.row[L.CHANNELS + L.C_ASK_ADD]
    assert adds == (3, 0) and rig.row[L.CHANNELS + L.C_BID_CANCEL] == 1


def test_every_captured_event_has_its_venue():
    rig = rig_with_both()
    first = int(rig.ring.header[C.H_NEXT])
    rig.quote(1, [(97, 1)], B[1])
    block = rig.events(first)
    assert [C.KIND_NAMES[k] for k in block.kind] == ["level", "level", "book"]
    assert set(block.source) == {2}
    assert block.words[:2, C.A : C.C + 1].tolist() == [[99, 5, 1], [97, 1, 1]]
    assert block.words[2, C.EXCHANGE_NS] == rig.now_ns + 5
    first = int(rig.ring.header[C.H_NEXT])
    rig.set_state(0, L.BOOK_GAP)  # the venue that is gone has made the event
    assert set(rig.events(first).source) == {1}
    first = int(rig.ring.header[C.H_NEXT])
    halted(rig, 1, True)
    block = rig.events(first)
    assert [C.KIND_NAMES[k] for k in block.kind] == ["halted"] and set(block.source) == {2}


def test_events_of_a_failover_have_the_venue_whose_book_it_is():
    rig = rig_with_both(L.COMBINE_FAILOVER)
    for gone, source in ((True, 2), (False, 1)):
        first = int(rig.ring.header[C.H_NEXT])
        session_is_down(rig, 0, gone)
        block = rig.events(first)
        assert set(block.source) == {source} and C.LEVEL in block.kind


def test_a_look_at_unchanged_sources_changes_nothing():
    rig = rig_with_both()
    version, events = rig.row[L.VERSION], int(rig.ring.header[C.H_NEXT])
    rig.refresh()
    assert (rig.row[L.VERSION], int(rig.ring.header[C.H_NEXT])) == (version, events)
    assert (rig.board.rows[1] != SourcesRig().board.rows[1]).sum() == 0  # nor do instruments of one venue
    assert rig.sources.instruments.tolist() == [0]
    assert rig.sources.instruments_of([1, 2, 3]).tolist() == [0] and rig.sources.instrument_of(1) == 1
