"""A book is right, or it is not used: messages whose effect is not known, and what the decoder makes of them."""

import zlib

import msgspec
import pytest

from quotelife.config.venues.venue_profile import VenueProfile
from quotelife.market.board import layout as L
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import MALFORMED, NEEDS_BYTES
from tests.unit.marketdata.decoder_rig import REQUEST, Rig

BOOK = ({199: 2, 200: 1}, {204: 4, 202: 3})


def profile(**tables) -> VenueProfile:
    return msgspec.convert({"title": "of this test", "tried": "here", **tables}, VenueProfile)


def rig_of(model="price", depth=0, symbols=("A", "B"), security_ids=None, tables=None, **book) -> Rig:
    return Rig(
        symbols,
        profile=profile(book={"models": [model], **book}, **(tables or {})),
        model=model,
        depth=depth,
        security_ids=security_ids,
    )


def live_rig(*args, **more) -> Rig:
    rig = rig_of(*args, **more)
    rig.snapshot()
    return rig


def receive(rig: Rig, text: str, msg_type: str = "X") -> None:
    """Fields as "279=0 269=1 ...", with NoMDEntries before the first that starts an entry."""
    fields = [field.split("=", 1) for field in text.split()]
    first = "279" if msg_type == "X" else "269"
    at = next((n for n, (tag, _) in enumerate(fields) if tag == first), len(fields))
    fields.insert(at, ["268", str(sum(tag == first for tag, _ in fields))])
    assert rig.receive(msg_type, *[(int(tag), value) for tag, value in fields]) == NEEDS_BYTES


def assert_spoiled(rig: Rig, reason: str, *rows: int) -> None:
    assert rig.reasons() == {reason: len(rows)}
    for row in range(len(rig.board.rows)):
        assert (rig.state(row) == L.BOOK_GAP) == (row in rows)
    assert all(rig.decoder_state.instruments[row, M.I_SYNC] == M.SYNC_NONE for row in rows)
    assert all(rig.book(row) == ({}, {}) for row in rows)


# --- the examples of a wrong book that was quoted


@pytest.mark.parametrize("model", ["price", "order", "best", "position"])
@pytest.mark.parametrize("action", "012")
def test_an_empty_book_is_empty(model, action):
    rig = rig_of(model)
    receive(rig, "55=A 262=77 269=0 278=s0 270=100 271=1 269=1 278=s2 270=101 271=3", "W")
    receive(rig, f"279={action} 269=J 55=A")
    assert rig.book() == ({}, {})
    assert rig.board.rows[0, [L.STATE, L.N_BID, L.N_ASK]].tolist() == [L.BOOK_LIVE, 0, 0]
    assert rig.reasons() == {}


@pytest.mark.parametrize("action", "01")
def test_a_quote_of_depth_one_replaces_the_best(action):
    rig = rig_of(depth=1)
    receive(rig, "55=A 262=77 269=0 270=100 271=1 269=1 270=101 271=3", "W")
    receive(rig, f"279={action} 269=0 55=A 270=99.5 271=2")
    assert rig.book() == ({199: 2}, {202: 3})
    assert rig.board.rows[0, L.BID_PX] == 199


@pytest.mark.parametrize("model", ["price", "order", "best"])
def test_a_change_by_reference_leaves_no_ghost(model):
    rig = rig_of(model)
    receive(rig, "55=A 262=77 269=0 278=b1 270=100 271=1", "W")
    receive(rig, "279=1 269=0 55=A 278=b1-new 280=b1 270=99.5 271=2")
    assert rig.book() == ({199: 2}, {})
    receive(rig, "279=2 269=0 55=A 278=b1-new")
    assert rig.book() == ({}, {})
    assert rig.reasons() == {}


@pytest.mark.parametrize("model", ["price", "order"])
def test_an_entry_named_by_its_id_alone(model):
    rig = live_rig(model)
    receive(rig, "55=B 262=77 269=0 278=other 270=50 271=5", "W")
    receive(rig, "279=2 269=0 278=s0")
    assert rig.book() == ({199: 2}, BOOK[1])
    assert rig.book(1) == ({100: 5}, {})
    receive(rig, "279=2 269=0 278=nobody")
    assert_spoiled(rig, "unknown_entry", 0, 1)


def test_an_entry_named_by_security_id():
    rig = live_rig(security_ids={"A": "id-a", "B": "id-b"})
    receive(rig, "279=0 269=0 48=id-a 270=100.5 271=7")
    assert rig.book() == (BOOK[0] | {201: 7}, BOOK[1])
    receive(rig, "279=0 269=0 48=of-nobody 270=100.5 271=8")  # all of this session have one
    assert rig.counters()["unknown_symbols"] == 1
    assert rig.reasons() == {}


def test_an_unknown_security_id_may_be_any_instrument():
    rig = live_rig(security_ids={"A": "id-a"})
    receive(rig, "279=0 269=0 48=of-whom 270=100.5 271=8")
    assert_spoiled(rig, "unknown_instrument", 0)
    assert rig.decoder_state.instruments[1, M.I_SYNC] == M.SYNC_WAITING


@pytest.mark.parametrize("action", "12")
def test_an_order_that_is_not_in_the_book(action):
    rig = live_rig("order")
    receive(rig, f"279={action} 269=0 55=A 278=unseen 270=100.5 271=9")
    assert_spoiled(rig, "unknown_entry", 0)


def test_two_entries_at_one_price():
    rig = live_rig()
    receive(rig, "279=0 269=0 55=A 278=maker-2 270=100 271=5")
    assert_spoiled(rig, "duplicate_entry", 0)


def test_two_orders_at_one_price_add_up():
    rig = live_rig("order")
    receive(rig, "279=0 269=0 55=A 278=maker-2 270=100 271=5")
    assert rig.book()[0] == {199: 2, 200: 6}
    receive(rig, "279=2 269=0 55=A 278=s0")
    assert rig.book()[0] == {199: 2, 200: 5}


def test_size_tiers():
    rig = rig_of("tiers")
    tiers = "269=0 270=100 271=1 269=0 270=99 271=5 269=0 270=99 271=3 269=1 270=101 271=2"
    receive(rig, f"55=A 262=77 {tiers}", "W")
    assert rig.book() == ({198: 4, 200: 1}, {202: 2})


def test_a_level_out_of_the_window_does_not_come_back():
    rig = live_rig(depth=2)
    receive(rig, "279=0 269=0 55=A 270=100.5 271=7")
    assert rig.book()[0] == {200: 1, 201: 7}
    receive(rig, "279=2 269=0 55=A 270=100.5 279=2 269=0 270=100")
    assert rig.book()[0] == {}
    receive(rig, "279=0 269=0 55=A 270=98 271=1 279=0 269=0 270=97 271=1 279=0 269=0 270=96 271=1")
    assert_spoiled(rig, "window", 0)


@pytest.mark.parametrize("values", ["270=100.25 271=1", "270=100 271=1.5"])
@pytest.mark.parametrize("model", ["price", "order", "best"])
def test_a_value_between_the_steps_of_the_grid(values, model):
    rig = rig_of(model)
    receive(rig, "55=A 262=77 269=0 278=b1 270=100 271=1", "W")
    receive(rig, f"279=0 269=0 55=A 278=b2 {values}")
    assert_spoiled(rig, "off_grid", 0)
    rig = rig_of(model)
    receive(rig, f"55=A 262=77 269=0 278=b1 {values}", "W")
    assert_spoiled(rig, "off_grid", 0)


# --- what else is not understood


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("279=7 269=0 55=A 270=100 271=1", "unknown_action"),
        ("279=0 269=% 55=A 270=100 271=1", "unknown_type"),
        ("279=0 269=10 55=A 270=100 271=1", "unknown_type"),
        ("279=0 269=0 55=A 270=100", "missing_field"),
        ("279=0 269=0 55=A 271=1", "missing_field"),
        ("279=0 55=A 270=100 271=1", "missing_field"),
        ("279=2 269=0 55=A", "missing_field"),
        ("279=1 269=0 55=A 280=unseen 270=100 271=1", "unknown_entry"),
        ("279=0 269=0 55=A 278=x 280=s0 270=90 271=1", "unsupported"),
    ],
)
def test_reasons(entry, reason):
    rig = live_rig()
    rig.snapshot("B")
    receive(rig, entry + " 279=0 269=0 55=B 270=100 271=8")
    assert_spoiled(rig, reason, 0)
    assert rig.book(1)[0][200] == 8, "the rest of the message is applied"
    receive(rig, "279=0 269=0 55=A 270=100 271=1")
    assert rig.counters()["ignored"] == 1


def test_entries_without_effect_spoil_nothing():
    rig = live_rig()
    receive(rig, "279=9 269=4 270=x 279=0 269=E 55=A 270=1.1 271=1 279=2 269=2 278=bust")
    assert rig.book() == BOOK
    assert rig.reasons() == {}


def test_a_message_without_instrument_is_of_any():
    rig = live_rig()
    rig.snapshot("B")
    receive(rig, "279=0 269=0 270=100 271=1")
    assert_spoiled(rig, "unknown_instrument", 0, 1)


def test_an_entry_by_id_may_be_of_a_book_that_waits():
    rig = live_rig()
    receive(rig, "279=2 269=0 278=nobody")
    assert rig.book() == BOOK
    assert rig.reasons() == {}


@pytest.mark.parametrize("model", ["tiers", "snapshots"])
def test_a_model_without_increments(model):
    rig = live_rig(model, tier_sizes="separate")
    receive(rig, "279=0 269=2 55=A 270=100 271=1")
    assert rig.board.rows[0, L.TRADES] == 1
    receive(rig, "279=0 269=0 55=A 270=100 271=1")
    assert_spoiled(rig, "unsupported", 0)


def test_a_malformed_message_spoils_what_an_entry_by_id_may_concern():
    rig = live_rig()
    rig.snapshot("B")
    fields = [(279, 0), (269, 0), (55, "A"), (270, "x"), (271, 1), (279, 2), (269, 0), (278, "of-whom")]
    assert rig.receive("X", (268, 2), *fields) == MALFORMED
    assert_spoiled(rig, "malformed", 0, 1)


@pytest.mark.parametrize("fault", [(270, "101"), (279, "")])
def test_a_repeated_or_empty_field_is_malformed(fault):
    rig = live_rig()
    assert rig.receive("X", (268, 1), (279, 0), (269, 0), (55, "A"), (270, 100), (271, 1), fault) == MALFORMED
    assert_spoiled(rig, "malformed", 0)


def test_fields_before_the_first_entry_that_no_book_reads():
    rig = live_rig()
    rig.receive("X", (268, 2), (1682, 0), *[(279, 1), (269, 0), (55, "A"), (270, 100), (271, 5)] * 2)
    assert rig.book()[0][200] == 5


# --- positions


def position_rig(depth=0, **book) -> Rig:
    rig = rig_of("position", depth, **book)
    offers = "269=1 1023=2 270=102 271=4 269=1 1023=1 270=101 271=3"
    receive(rig, f"55=A 262=77 269=0 1023=1 270=100 271=1 {offers} 269=0 1023=2 270=99.5 271=2", "W")
    assert rig.book() == BOOK
    return rig


def test_positions_move_with_what_is_inserted_and_deleted():
    rig = position_rig()
    receive(rig, "279=0 269=0 55=A 1023=1 270=100.5 271=9 279=1 269=0 1023=3 271=7 279=2 269=1 1023=1")
    assert rig.book() == ({199: 7, 200: 1, 201: 9}, {204: 4})


def test_a_position_out_of_the_window_is_gone():
    rig = position_rig(depth=2)
    receive(rig, "279=0 269=0 55=A 1023=1 270=100.5 271=9 279=2 269=0 1023=1")
    assert rig.book()[0] == {200: 1}
    receive(rig, "279=0 269=0 55=A 1023=3 270=99 271=9")
    assert_spoiled(rig, "out_of_order", 0)


def test_prices_that_do_not_worsen_with_the_position():
    rig = position_rig()
    receive(rig, "279=0 269=0 55=A 1023=1 270=99 271=9")
    assert_spoiled(rig, "out_of_order", 0)


def test_ranges_of_positions():
    rig = position_rig(actions={"0": "new", "3": "delete_from", "4": "delete_thru"})
    receive(rig, "279=3 269=0 55=A 1023=2 279=4 269=1 1023=1")
    assert rig.book() == ({200: 1}, {204: 4})


# --- snapshots in parts, trades of their own, fills


def test_a_snapshot_in_parts_is_live_at_its_end():
    rig = rig_of()
    receive(rig, "55=A 262=77 893=N 269=0 270=100 271=1", "W")
    assert rig.state() == L.BOOK_EMPTY
    receive(rig, "55=A 262=77 893=Y 269=1 270=101 271=3", "W")
    assert rig.book() == ({200: 1}, {202: 3})
    assert rig.state() == L.BOOK_LIVE


def test_trades_with_a_request_of_their_own():
    rig = live_rig()
    rig.decoder_state.instruments[0, M.I_TRADE_REQUEST] = 500
    receive(rig, "262=500 279=0 269=2 55=A 270=100 271=1 279=0 269=0 55=A 270=100.5 271=1")
    assert rig.board.rows[0, L.TRADES] == 1
    assert rig.book() == BOOK


def test_a_fill_takes_its_size_off_the_order():
    rig = live_rig("order", fills="reduce")
    receive(rig, "279=0 269=2 55=A 278=s1 270=99.5 271=1 279=0 269=2 55=A 278=s2 270=101 271=3")
    assert rig.book() == ({199: 1, 200: 1}, {204: 4})
    assert rig.board.rows[0, L.TRADES] == 2


def test_an_acknowledgement_is_not_an_order():
    rig = live_rig("order", entries_without_id="ignored", unknown_orders="ignored")
    receive(rig, "279=0 269=0 55=A 270=100 271=5 279=1 269=0 55=A 278=unseen 270=100 271=5")
    assert (rig.book(), rig.reasons()) == (BOOK, {})


# --- checksum, RptSeq, refreshes


def checksum(rig: Rig) -> int:
    bids, offers = rig.book()
    levels = [*list(offers.items())[:-11:-1], *list(bids.items())[:-11:-1]]
    return zlib.crc32("".join(f"{5 * price}{size}" for price, size in levels).encode())


def test_a_checksum_of_every_message():
    rig = live_rig(checksum={"algorithm": "kraken-crc32", "tag": 5041})
    right = zlib.crc32(b"1010310204" + b"10001" + b"10055" + b"9952")
    assert right != checksum(rig)
    receive(rig, f"279=0 269=0 55=A 270=100.5 271=5 5041={zlib.crc32(b'10103102041005510001' + b'9952')}")
    assert rig.reasons() == {}
    assert rig.book()[0] == {199: 2, 200: 1, 201: 5}
    receive(rig, f"279=0 269=0 55=A 270=100.5 271=6 5041={checksum(rig)}")
    assert_spoiled(rig, "checksum", 0)


def test_a_message_without_its_checksum():
    rig = live_rig(checksum={"algorithm": "kraken-crc32", "tag": 5041})
    receive(rig, "279=0 269=2 55=A 270=100.5 271=5")
    assert rig.reasons() == {}
    receive(rig, "279=0 269=0 55=A 270=100.5 271=5")
    assert_spoiled(rig, "checksum", 0)


def test_a_refresh_that_is_older_than_the_book():
    rig = rig_of()
    rig.snapshot(rpt_seq=10)
    older = [(55, "A"), (262, REQUEST), (83, 9), (268, 1), (269, 0), (270, 90), (271, 1)]
    rig.receive("W", *older, dup=True)
    assert rig.book() == BOOK
    rig.receive("W", *older)
    assert_spoiled(rig, "rpt_seq_gap", 0)


def test_the_rpt_seq_of_a_refresh_may_be_in_its_entries():
    rig = rig_of()
    rig.snapshot(rpt_seq=10)
    receive(rig, "55=A 269=0 270=90 271=1 83=9", "W")
    assert_spoiled(rig, "rpt_seq_gap", 0)


def test_a_rpt_seq_that_counts_from_the_start_again():
    rig = rig_of()
    rig.snapshot(rpt_seq=10)
    numbered = "269=0 55=A 270=100 271=5"
    receive(rig, f"279=1 83=9 {numbered} 279=1 83=10 {numbered} 279=1 83=11 {numbered} 279=1 83=11 {numbered}")
    assert rig.book()[0][200] == 5, "up to the number of the snapshot it has all"
    fields = [(279, 1), (83, 11), *[(int(tag), value) for tag, value in (f.split("=") for f in numbered.split())]]
    rig.receive("X", (268, 1), *fields, dup=True)
    assert rig.reasons() == {}
    rig.receive("X", (268, 1), *fields)
    assert_spoiled(rig, "rpt_seq_gap", 0)


@pytest.mark.parametrize("kind", "2B")
def test_a_snapshot_of_no_book_does_not_empty_a_live_one(kind):
    rig = live_rig()
    receive(rig, f"55=A 262=77 269={kind} 270=100 271=1 269=4 270=100", "W")
    assert (rig.book(), rig.state()) == (BOOK, L.BOOK_LIVE)
    receive(rig, f"55=B 269={kind} 270=100 271=1", "W")
    assert rig.state(1) == L.BOOK_EMPTY, "the answer to the subscription is to come"
    receive(rig, f"55=B 262=77 269={kind} 270=100 271=1", "W")
    assert (rig.book(1), rig.state(1)) == (({}, {}), L.BOOK_LIVE)


@pytest.mark.parametrize(("model", "applied"), [("price", False), ("order", False), ("snapshots", True)])
def test_a_snapshot_without_entries_that_nobody_asked_for(model, applied):
    rig = live_rig(model)
    receive(rig, "55=A", "W")
    assert rig.book() == ({}, {})
    assert rig.reasons() == ({} if applied else {"unsupported": 1})


def test_an_entry_by_id_is_not_of_a_book_that_was_refused():
    rig = live_rig()
    rig.decoder_state.instruments[1, :2] = M.SYNC_NONE, 0
    receive(rig, "279=1 269=0 278=nobody 270=100.5 271=5")
    assert_spoiled(rig, "unknown_entry", 0)


def test_a_refresh_that_nobody_asked_for():
    rig = live_rig(unrequested_snapshot="ignore")
    receive(rig, "55=A 269=0 270=90 271=1", "W")
    assert rig.book() == BOOK


def test_a_subscription_without_snapshot_is_live_at_once():
    rig = rig_of(tables={"subscription": {"snapshot": False}})
    assert rig.state() == L.BOOK_LIVE
    receive(rig, "279=0 269=0 55=A 270=100 271=1")
    assert rig.book() == ({200: 1}, {})


def test_the_aggressor_by_the_profile():
    rig = live_rig(aggressor_tag=30_054, buy="BUY", sell="SELL")
    for value, expected in (("BUY", (6, 0)), ("SELL", (6, 6)), ("1", (6, 6))):
        receive(rig, f"279=0 269=2 55=A 270=100.5 271=6 30054={value}")
        channels = rig.board.rows[0, L.CHANNELS :]
        assert (channels[L.C_BUY_V], channels[L.C_SELL_V]) >= expected
