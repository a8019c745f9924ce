"""Kernels that apply one entry of a W or X to the book.

Prices between ticks are rounded away from the market (bids down, offers up), so that rounding cannot cross a book;
trades and sizes are rounded to the nearest. A reject reason is a SessionRejectReason (373), or 0.
"""

from numba import njit, types

from quotelife.fix import fields as F
from quotelife.fix import tags
from quotelife.market.board.layout import BOOK_GAP
from quotelife.market.book.levels import clear, set_level
from quotelife.market.book.orders import (
    ADDED,
    CANCELLED,
    FULL,
    UNKNOWN,
    clear_orders,
    hash_bytes,
    order_at,
    order_delete,
    order_key,
    order_set,
)
from quotelife.market.capture import layout as C
from quotelife.market.capture.writer import write_event, write_level, write_status
from quotelife.market.features.update import set_state, trade
from quotelife.market.sources.combine import STATE_ADDRESSES, apply_source_state, apply_source_trade
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import ADDRESSES, BYTES, DECODER_STATE, decoder_state_at
from quotelife.shm.arrays import word_array

_I = types.int64
_HALF_DAY_NS = 43_200_000_000_000
_DAY_NS = 86_400_000_000_000


@njit(_I(BYTES, types.Array(_I, 1, "C"), _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def one_byte(buf, scratch, slot):
    """The value of a one-character field, -1 if absent or longer."""
    if scratch[slot + 1] - scratch[slot] != 1:
        return -1
    return int(buf[scratch[slot]])


@njit(_I(BYTES, types.Array(_I, 1, "C"), _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def optional_int(buf, scratch, slot, absent):
    """The value of an int field, `absent` if missing, INVALID if not an int."""
    if scratch[slot + 1] == 0:
        return absent
    return F.parse_int(buf, scratch[slot], scratch[slot + 1])


@njit(_I(BYTES, types.Array(_I, 1, "C")), cache=True, nogil=True, _nrt=False)
def exchange_time(buf, scratch):
    """Wall time of the entry in ns: MDEntryTime (with the date of SendingTime if it has none), else TransactTime,
    else 0."""
    if scratch[M.S_TIME + 1] == 0:
        if scratch[M.S_TRANSACT_TIME + 1] == 0:
            return 0
        return max(F.parse_utc_timestamp(buf, scratch[M.S_TRANSACT_TIME], scratch[M.S_TRANSACT_TIME + 1]), 0)
    time = F.parse_time(buf, scratch[M.S_TIME], scratch[M.S_TIME + 1])
    if scratch[M.S_DATE + 1] != 0:
        day = F.parse_date(buf, scratch[M.S_DATE], scratch[M.S_DATE + 1])
        return 0 if day == F.INVALID or time == F.INVALID else day + time
    sent = F.parse_utc_timestamp(buf, scratch[M.S_SENDING_TIME], scratch[M.S_SENDING_TIME + 1])
    if sent == F.INVALID or time == F.INVALID:
        return 0
    wall = sent - sent % _DAY_NS + time
    return wall - _DAY_NS if wall - sent > _HALF_DAY_NS else wall  # sent just after midnight


@njit(types.void(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def clear_book(addresses, row, now_ns):
    """Remove all levels and orders of a row."""
    t = decoder_state_at(addresses)
    write_status(t.ring, C.CLEAR, 0, row, now_ns)
    t.instruments[row, M.I_HAS_IDS] = 0
    if t.control[M.MODEL] == M.MODEL_ORDER:
        clear_orders(t.orders_state, t.n, row)
    else:
        clear(t.n, row)


@njit(types.void(ADDRESSES, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def spoil(addresses, reason, row, now_ns):
    """The effect of a message on the book is not known: empty it, mark it as BOOK_GAP on the board, and ignore its
    updates until a new subscription is answered. `reason` is one of the R_ values."""
    t = decoder_state_at(addresses)
    if t.instruments[row, M.I_SYNC] == M.SYNC_NONE:
        return
    t.instruments[row, M.I_SYNC] = M.SYNC_NONE
    clear_book(addresses, row, now_ns)
    set_state(t.rows, row, now_ns, BOOK_GAP)
    write_status(t.ring, C.STATE, BOOK_GAP, row, now_ns)
    if row >= t.control[M.N_INSTRUMENTS]:
        apply_source_state(word_array(t.control[M.SOURCE_STATE], STATE_ADDRESSES), row, now_ns)
    t.control[M.INVALIDATED + reason] += 1
    t.control[M.LAST_INVALID_ROW] = row
    t.control[M.BOOK_GAPS] += 1
    t.control[M.LOST] += 1


@njit(_I(DECODER_STATE, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _price(t, row, rounding):
    start, end = t.scratch[M.S_PX], t.scratch[M.S_PX + 1]
    unit, scale = t.instruments[row, M.I_TICK_UNIT], t.instruments[row, M.I_TICK_SCALE]
    return F.parse_units(t.buf, start, end, unit, scale, rounding, t.control[M.OFF_TICK :])


@njit(_I(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _size(t, row):
    """Size in lots, negative if invalid."""
    start, end = t.scratch[M.S_SIZE], t.scratch[M.S_SIZE + 1]
    unit, scale = t.instruments[row, M.I_LOT_UNIT], t.instruments[row, M.I_LOT_SCALE]
    return F.parse_units(t.buf, start, end, unit, scale, F.NEAREST, t.control[M.OFF_TICK :])


@njit(_I(DECODER_STATE, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def apply_level(t, row, side, action, slot, now_ns, wall_ns):
    """An entry of a price-level book: New and Change set the size at a price, Delete removes it.

    Returns a reject reason."""
    price = _price(t, row, F.UP if side else F.DOWN)
    size = 0 if action == tags.DELETE else _size(t, row)
    if price == F.INVALID or size < 0:
        return tags.VALUE_IS_INCORRECT
    before = set_level(t.px, t.sz, t.cnt, t.n, row, side, price, size)
    write_event(t.ring, C.LEVEL, side, row, now_ns, wall_ns, price, size, size > 0, 0)
    t.touched[slot, M.T_BID_ADDS + side] += size > before
    t.touched[slot, M.T_BID_CANCELS + side] += size < before
    return 0


@njit(_I(ADDRESSES, _I, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def apply_order(addresses, row, side, action, slot, now_ns, wall_ns):
    """An entry of an order-level book: New and Change set the order, Delete removes it by MDEntryID.

    Returns a reject reason."""
    t = decoder_state_at(addresses)
    start, end = t.scratch[M.S_ID], t.scratch[M.S_ID + 1]
    if end <= start:
        return tags.REQUIRED_TAG_MISSING
    key = order_key(hash_bytes(t.buf, start, end), row, t.orders_state)
    old_side, old_price = order_at(t.orders, t.orders_state, key)
    price = old_price
    if action == tags.DELETE:
        done = order_delete(t.orders, t.orders_state, t.px, t.sz, t.cnt, t.n, key)
        side = side if done & UNKNOWN else (done >> 4) & 1  # the order has its side, the entry may omit it
    else:
        price = _price(t, row, F.UP if side else F.DOWN)
        size = _size(t, row)
        if price == F.INVALID or size < 0:
            return tags.VALUE_IS_INCORRECT
        done = order_set(t.orders, t.orders_state, t.px, t.sz, t.cnt, t.n, key, row, side, price, size)
    if done & (ADDED | CANCELLED):  # the level that the order leaves comes before the one that it joins
        if old_side >= 0:
            at = row, old_side, old_price, now_ns, wall_ns
            write_level(t.ring, t.px, t.sz, t.cnt, t.n, *at)
        if old_side != side or old_price != price:
            at = row, side, price, now_ns, wall_ns
            write_level(t.ring, t.px, t.sz, t.cnt, t.n, *at)
    t.touched[slot, M.T_BID_ADDS + side] += (done & ADDED) != 0
    t.touched[slot, M.T_BID_CANCELS + side] += (done & CANCELLED) != 0
    if done & UNKNOWN and action == tags.DELETE:
        spoil(addresses, M.R_UNKNOWN_ENTRY, row, now_ns)
    if done & FULL:
        spoil(addresses, M.R_ORDERS_FULL, row, now_ns)
    return 0


@njit(_I(ADDRESSES, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def apply_trade(addresses, row, action, now_ns, wall_ns):
    """A trade; its aggressor from AggressorSide (2446) or CME's 5797: 1 buy, 2 sell. Busts are ignored."""
    if action != tags.NEW:
        return 0
    t = decoder_state_at(addresses)
    price, size = _price(t, row, F.NEAREST), _size(t, row)
    if price == F.INVALID or size < 0:
        return tags.VALUE_IS_INCORRECT
    side = one_byte(t.buf, t.scratch, M.S_AGGRESSOR)
    aggressor = 1 if side == 49 else -1 if side == 50 else 0
    taken = trade(t.rows, row, now_ns, price, size, aggressor)
    write_event(t.ring, C.TRADE, 0, row, now_ns, wall_ns, price, size, aggressor, taken)
    if row >= t.control[M.N_INSTRUMENTS]:
        at = word_array(t.control[M.SOURCE_STATE], STATE_ADDRESSES), row, now_ns, wall_ns
        apply_source_trade(*at, price, size, aggressor)
    t.control[M.TRADES] += 1
    return 0
