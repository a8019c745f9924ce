"""The decoder, message by message."""

import pytest

from quotelife.fix.encode import frame_bytes
from quotelife.fix.session import AWAITING_RESEND, EXPECTED, HIGHEST, IN_SEQUENCE
from quotelife.market.board import layout as L
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import FOR_SESSION, MALFORMED, NEEDS_BYTES
from tests.unit.marketdata.decoder_rig import REQUEST, Rig, message

BOOK = ({200: 1, 199: 2}, {202: 3, 204: 4})


@pytest.fixture
def rig():
    rig = Rig()
    rig.snapshot()
    return rig


def entry(action, kind, symbol, px=None, size=None, *more):
    found = [(279, action), (269, kind)]
    found += [(55, symbol)] if symbol else []
    found += [(270, px)] if px is not None else []
    found += [(271, size)] if size is not None else []
    return [*found, *more]


def receive_increment(rig, *entries, head=()):
    return rig.receive("X", *head, (268, len(entries)), *[field for e in entries for field in e])


# --- snapshots


def test_snapshot_replaces_the_book(rig):
    assert rig.book() == BOOK
    rig.receive("W", (55, "A"), (262, REQUEST), (268, 1), (269, 0), (270, 7), (271, 8))
    assert rig.book() == ({14: 8}, {})
    assert rig.counters() == {"messages": 2, "entries": 5, "snapshots": 2}


def test_empty_snapshot(rig):
    assert rig.receive("W", (55, "A"), (262, REQUEST), (268, 0)) == NEEDS_BYTES
    assert rig.book() == ({}, {})
    assert rig.board.rows[0, L.N_BID] == 0


def test_snapshot_of_another_request_is_ignored(rig):
    rig.receive("W", (55, "A"), (262, 76), (268, 0))
    assert rig.book() == BOOK
    assert rig.counters()["ignored"] == 1


def test_snapshot_without_request_id_applies_unless_poss_dup(rig):
    rig.receive("W", (55, "A"), (268, 1), (269, 0), (270, 7), (271, 8), dup=True)
    assert rig.book() == BOOK
    rig.receive("W", (55, "A"), (268, 1), (269, 0), (270, 7), (271, 8))
    assert rig.book() == ({14: 8}, {})


def test_snapshot_without_subscription_is_ignored(rig):
    rig.decoder_state.instruments[1, M.I_SYNC] = M.SYNC_NONE
    rig.receive("W", (55, "B"), (262, REQUEST), (268, 0))
    assert rig.state(1) == L.BOOK_EMPTY


def test_trades_in_a_snapshot_are_ignored(rig):
    rig.receive("W", (55, "A"), (262, REQUEST), (268, 1), (269, 2), (270, 100), (271, 1))
    assert rig.board.rows[0, L.TRADES] == 0
    assert "trades" not in rig.counters()


def test_snapshot_of_an_unknown_symbol_is_counted(rig):
    rig.receive("W", (55, "Z"), (268, 1), (269, 0), (270, 1), (271, 1))
    rig.receive("W", (55, "Z"), (268, 0))
    assert rig.counters()["unknown_symbols"] == 2


def test_order_snapshot_replaces_all_orders():
    rig = Rig(by_order=True)
    rig.snapshot()
    rig.snapshot()
    assert rig.book() == BOOK
    receive_increment(rig, entry(2, 0, "A", None, None, (278, "s0")))
    assert rig.book() == ({199: 2}, BOOK[1])


# --- increments


def test_levels_are_set_and_removed(rig):
    receive_increment(
        rig,
        entry(0, 0, "A", "100.5", 5),
        entry(1, 1, None, 101, 9),
        entry(2, 0, None, "99.5"),
        entry(1, 1, None, 102, 0),
    )
    assert rig.book() == ({200: 1, 201: 5}, {202: 9})
    row = rig.board.rows[0]
    assert (row[L.BID_PX], row[L.BID_SZ], row[L.N_BID], row[L.N_ASK]) == (201, 5, 2, 1)
    channels = row[L.CHANNELS :]
    counts = [int(channels[c]) for c in (L.C_BID_ADD, L.C_ASK_ADD, L.C_BID_CANCEL, L.C_ASK_CANCEL)]
    assert counts == [1, 1, 1, 1]
    assert row[L.UPDATES] == 2  # one publication per message


def test_orders_are_added_changed_and_removed():
    rig = Rig(by_order=True)
    rig.snapshot()
    receive_increment(
        rig,
        entry(0, 0, "A", 100, 5, (278, "x")),
        entry(1, 1, None, 101, 1, (278, "s2")),
        entry(2, 0, None, None, None, (278, "s1")),
    )
    assert rig.book() == ({200: 6}, {202: 1, 204: 4})
    receive_increment(rig, [(279, 2), (278, "s3"), (55, "A")])  # the order has its side
    assert rig.book() == ({200: 6}, {202: 1})
    channels = rig.board.rows[0, L.CHANNELS :]
    counts = [int(channels[c]) for c in (L.C_BID_ADD, L.C_ASK_ADD, L.C_BID_CANCEL, L.C_ASK_CANCEL)]
    assert counts == [1, 0, 1, 2]


def test_an_order_without_id_spoils_the_book():
    rig = Rig(by_order=True)
    rig.snapshot()
    receive_increment(rig, entry(0, 0, "A", 100, 5))
    assert rig.reasons() == {"missing_field": 1}


def test_two_instruments_in_one_message(rig):
    rig.snapshot("B")
    receive_increment(rig, entry(0, 0, "A", "100.5", 1), entry(0, 0, "B", "100.5", 2), entry(0, 0, "A", "100.5", 3))
    assert rig.book(0)[0][201] == 3
    assert rig.book(1)[0][201] == 2
    assert rig.board.rows[0, L.UPDATES] == rig.board.rows[1, L.UPDATES] == 2


def test_hundreds_of_instruments_in_one_message():
    symbols = [f"S{n}" for n in range(300)]
    rig = Rig(symbols)
    for symbol in symbols:
        rig.receive("W", (55, symbol), (262, REQUEST), (268, 0))
    receive_increment(rig, *[entry(0, 0, symbol, 100, 1) for symbol in symbols])
    assert (rig.board.rows[:, L.BID_PX] == 200).all()
    assert not rig.decoder_state.instruments[:, M.I_TOUCHED].any()


def test_increment_before_the_snapshot_is_ignored(rig):
    receive_increment(rig, entry(0, 0, "B", 100, 1))
    assert rig.state(1) == L.BOOK_EMPTY
    assert rig.counters()["ignored"] == 1


def test_increment_of_another_request_is_ignored(rig):
    receive_increment(rig, entry(0, 0, "A", "100.5", 1), head=[(262, 76)])
    assert rig.book() == BOOK
    receive_increment(rig, entry(0, 0, "A", "100.5", 1), head=[(262, REQUEST)])
    assert rig.book()[0][201] == 1


def test_unknown_symbols_leave_the_rest_applied(rig):
    receive_increment(rig, entry(0, 0, "Z", 1, 1), entry(0, 0, None, 1, 1), entry(0, 0, "A", "100.5", 1))
    assert rig.counters()["unknown_symbols"] == 2
    assert rig.book()[0][201] == 1


def test_symbol_before_the_group(rig):
    receive_increment(rig, entry(0, 0, None, "100.5", 1), head=[(55, "A")])
    assert rig.book()[0][201] == 1


@pytest.mark.parametrize(("tag", "value", "sign"), [(2446, 1, 1), (2446, 2, -1), (5797, 2, -1), (5797, 0, 0)])
def test_trades_and_their_aggressor(rig, tag, value, sign):
    receive_increment(rig, entry(0, 2, "A", "100.5", 6, (tag, value)))
    row = rig.board.rows[0]
    assert (row[L.TRADE_PX], row[L.TRADE_SZ], row[L.TRADES]) == (201, 6, 1)
    bought, sold = row[L.CHANNELS + L.C_BUY_V], row[L.CHANNELS + L.C_SELL_V]
    assert (bought, sold) == {1: (6, 0), -1: (0, 6), 0: (0, 0)}[sign]
    assert row[L.UPDATES] == 1  # the book did not change


def test_a_trade_bust_is_not_a_trade(rig):
    receive_increment(rig, entry(2, 2, "A", "100.5", 6))
    assert rig.board.rows[0, L.TRADES] == 0


def test_other_entry_types_are_ignored(rig):
    assert receive_increment(rig, entry(0, 4, "A", 90, 1), entry(0, "w", "A", 90, 1)) == NEEDS_BYTES
    assert rig.book() == BOOK


# --- exchange time


def test_exchange_time(rig):
    noon = 1_767_268_800 * 10**9
    receive_increment(rig, entry(0, 0, "A", 100, 1, (272, "20260101"), (273, "12:00:00.000001")))
    assert rig.board.rows[0, L.EXCHANGE_WALL_NS] == noon + 1000
    receive_increment(rig, entry(0, 0, "A", 100, 1, (273, "12:00:00.5")))  # the date is SendingTime's
    assert rig.board.rows[0, L.EXCHANGE_WALL_NS] == noon + 500_000_000
    receive_increment(rig, entry(0, 0, "A", 100, 1), head=[(60, "20260101-11:59:59")])
    assert rig.board.rows[0, L.EXCHANGE_WALL_NS] == noon - 10**9
    receive_increment(rig, entry(0, 0, "A", 100, 1))
    assert rig.board.rows[0, L.EXCHANGE_WALL_NS] == 0


# --- RptSeq


def test_rpt_seq_follows_per_entry_and_per_message(rig):
    rig.snapshot(rpt_seq=10)
    receive_increment(rig, entry(0, 0, "A", 100, 7, (83, 11)), entry(0, 0, "A", "99.5", 7, (83, 12)))
    receive_increment(rig, entry(0, 0, "A", 100, 8, (83, 13)), entry(0, 0, "A", "99.5", 8, (83, 13)))
    assert rig.book()[0] == {200: 8, 199: 8}
    assert "book_gaps" not in rig.counters()


def test_old_rpt_seq_is_ignored(rig):
    rig.snapshot(rpt_seq=10)
    receive_increment(rig, entry(0, 0, "A", 100, 7, (83, 10)))
    assert rig.book() == BOOK
    assert rig.counters()["ignored"] == 1


def test_rpt_seq_gap_invalidates_that_book_alone(rig):
    rig.snapshot(rpt_seq=10)
    rig.snapshot("B", rpt_seq=10)
    receive_increment(rig, entry(0, 0, "A", 100, 7, (83, 12)), entry(0, 0, "B", 100, 7, (83, 11)))
    assert (rig.state(0), rig.state(1)) == (L.BOOK_GAP, L.BOOK_LIVE)
    assert rig.decoder_state.instruments[0, M.I_SYNC] == M.SYNC_NONE
    assert rig.control[M.LOST] == rig.counters()["book_gaps"] == 1
    assert rig.book(1)[0][200] == 7
    receive_increment(rig, entry(0, 0, "A", 100, 9, (83, 13)))
    assert rig.control[M.LOST] == 1


def test_rpt_seq_in_the_entries_of_a_snapshot(rig):
    rig.receive("W", (55, "A"), (262, REQUEST), (268, 1), (269, 0), (270, 7), (271, 8), (83, 20))
    receive_increment(rig, entry(0, 0, "A", 7, 9, (83, 21)))
    assert rig.book() == ({14: 9}, {})


def test_full_order_table_invalidates_the_book():
    rig = Rig(by_order=True)
    rig.snapshot()
    for n in range(5000):
        receive_increment(rig, entry(0, 0, "A", 100, 1, (278, f"o{n}")))
    assert rig.state() == L.BOOK_GAP
    assert rig.counters()["book_gaps"] == 1


# --- malformed


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ([(268, 1), (279, 0), (269, 0), (55, "A"), (270, "x"), (271, 1)], 5),
        ([(268, 1), (279, 0), (269, 0), (55, "A"), (270, 1), (271, "")], 4),
        ([(268, 1), (279, 0), (269, 0), (55, "A"), (270, 1), (271, -1)], 5),
        ([(268, 2), (279, 0), (269, 0), (55, "A"), (270, 1), (271, 1)], 16),
        ([(55, "A")], 1),
    ],
)
def test_malformed_increments(rig, fields, reason):
    rig.snapshot("B")
    assert rig.receive("X", *fields) == MALFORMED
    assert rig.control[M.REJECT_REASON] == reason
    assert rig.control[M.REJECT_SEQ_NUM] == rig.seq_num - 1
    assert (rig.state(0), rig.state(1)) == (L.BOOK_GAP, L.BOOK_LIVE)


def test_increment_without_entries(rig):
    assert rig.receive("X", (268, 0)) == NEEDS_BYTES
    assert rig.book() == BOOK


def test_malformed_message_also_invalidates_books_after_the_fault(rig):
    rig.snapshot("B")
    assert receive_increment(rig, entry(0, 0, "A", "x", 1), entry(0, 0, "B", 1, 1)) == MALFORMED
    assert rig.state(0) == rig.state(1) == L.BOOK_GAP


def test_unreadable_message_invalidates_every_book(rig):
    content = b"35=X\x0134=%d\x01268=1\x01garbage\x01" % rig.seq_num
    assert rig.feed(frame_bytes(b"FIX.4.4", content)) == MALFORMED
    assert rig.state() == L.BOOK_GAP


# --- sequence


def test_other_messages_stop_the_decoder(rig):
    data = message("0", 2, ()) + message("X", 3, [(268, 1), *entry(0, 0, "A", "100.5", 1)])
    assert rig.feed(data) == FOR_SESSION
    found = rig.decoder_state.buf[rig.control[M.MESSAGE_START] : rig.control[M.MESSAGE_END]].tobytes()
    assert found == message("0", 2, ())
    assert rig.book() == BOOK
    rig.decoder_state.sequence[EXPECTED] = 3
    assert rig.feed(b"") == NEEDS_BYTES
    assert rig.book()[0][201] == 1


def test_market_data_out_of_sequence_goes_to_the_session(rig):
    rig.seq_num = 5
    assert receive_increment(rig, entry(0, 0, "A", "100.5", 1)) == FOR_SESSION
    assert rig.decoder_state.sequence[EXPECTED] == 2
    rig.seq_num = 1
    assert receive_increment(rig, entry(0, 0, "A", "100.5", 1)) == FOR_SESSION


def test_while_a_resend_is_awaited_later_messages_are_dropped(rig):
    rig.decoder_state.sequence[AWAITING_RESEND] = 1
    rig.seq_num = 5
    assert receive_increment(rig, entry(0, 0, "A", "100.5", 1)) == NEEDS_BYTES
    assert rig.decoder_state.sequence[HIGHEST] == 5
    assert rig.counters()["dropped"] == 1
    rig.seq_num = 2
    receive_increment(rig, entry(0, 0, "A", "100.5", 1))
    assert rig.decoder_state.sequence[EXPECTED] == 3


def test_duplicates_are_ignored(rig):
    rig.seq_num = 1
    assert rig.receive("X", (268, 1), *entry(0, 0, "A", "100.5", 1), dup=True) == NEEDS_BYTES
    assert rig.counters()["duplicates"] == 1
    assert rig.book() == BOOK


def test_nothing_is_decoded_before_the_logon(rig):
    rig.decoder_state.sequence[IN_SEQUENCE] = 0
    assert receive_increment(rig, entry(0, 0, "A", "100.5", 1)) == FOR_SESSION


def test_garbled_messages_are_counted(rig):
    data = bytearray(message("X", 2, [(268, 1), *entry(0, 0, "A", "100.5", 1)]))
    data[-3] ^= 1
    assert rig.feed(bytes(data) + b"noise") == NEEDS_BYTES
    counters = rig.counters()
    assert counters["garbled"] == 1
    assert counters["skipped_bytes"] == len(data) + 5
