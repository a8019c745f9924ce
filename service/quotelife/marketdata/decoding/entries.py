"""Kernels that read one entry of a W or X, and what all book models share.

A *verdict* is what an entry led to: 0, a SessionRejectReason (373) for a malformed message, or `untrusted(reason)` for
one whose effect on the book is not known.
"""

from numba import njit, types

from quotelife.fix import fields as F
from quotelife.fix import tags
from quotelife.market.board.layout import BOOK_GAP
from quotelife.market.book.levels import clear
from quotelife.market.book.orders import clear_orders, hash_bytes
from quotelife.market.capture import layout as C
from quotelife.market.capture.writer import write_event, write_status
from quotelife.market.features.update import set_state, trade
from quotelife.market.sources.combine import STATE_ADDRESSES, apply_source_state, apply_source_trade
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import ADDRESSES, BYTES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.decoding.numbers import short_units
from quotelife.shm.arrays import word_array

_I = types.int64
_HALF_DAY_NS = 43_200_000_000_000
_DAY_NS = 86_400_000_000_000


@njit(_I(_I), cache=True, nogil=True, _nrt=False, forceinline=True)
def untrusted(reason):
    """Verdict for one of the R_ values: the book is no longer known. Its own inverse."""
    return -1 - reason


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
def _time_of_entry(buf, scratch):
    """Wall time in ns of MDEntryTime, with the date of SendingTime if it has none; 0 if it cannot be read."""
    time = F.parse_time(buf, scratch[M.S_TIME], scratch[M.S_TIME + 1])
    if scratch[M.S_DATE + 1] != 0:
        day = F.parse_date(buf, scratch[M.S_DATE], scratch[M.S_DATE + 1])
        return 0 if day == F.INVALID or time == F.INVALID else day + time
    sent = F.parse_utc_timestamp(buf, scratch[M.S_SENDING_TIME], scratch[M.S_SENDING_TIME + 1])
    if sent == F.INVALID or time == F.INVALID:
        return 0
    wall = sent - sent % _DAY_NS + time
    return wall - _DAY_NS if wall - sent > _HALF_DAY_NS else wall  # sent just after midnight


@njit(_I(BYTES, types.Array(_I, 1, "C")), cache=True, nogil=True, _nrt=False, forceinline=True)
def exchange_time(buf, scratch):
    """Wall time of the entry in ns: MDEntryTime, else TransactTime, else 0."""
    if scratch[M.S_TIME + 1] != 0:
        return _time_of_entry(buf, scratch)
    if scratch[M.S_TRANSACT_TIME + 1] != 0:
        return max(F.parse_utc_timestamp(buf, scratch[M.S_TRANSACT_TIME], scratch[M.S_TRANSACT_TIME + 1]), 0)
    return 0


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
        t.instruments[row, M.I_STAGED_BIDS] = t.instruments[row, M.I_STAGED_OFFERS] = t.instruments[row, M.I_TAGGED] = 0


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


@njit(types.boolean(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def is_asked(t, row):
    """The message has no MDReqID, or that of this instrument's subscription."""
    return t.scratch[M.V_REQUEST] == M.ABSENT or t.scratch[M.V_REQUEST] == t.instruments[row, M.I_REQUEST]


@njit(types.boolean(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def is_at_stake(t, row):
    """Increments matter to this book: it is live, or a part of its snapshot is in."""
    return t.instruments[row, M.I_SYNC] >= M.SYNC_LIVE


@njit(types.void(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def spoil_session(addresses, reason, now_ns):
    """`spoil` every live book that the current message may concern: those of its MDReqID, all if it has none."""
    t = decoder_state_at(addresses)
    for i in range(t.session_rows.shape[0]):
        row = t.session_rows[i]
        if is_asked(t, row) and is_at_stake(t, row):
            spoil(addresses, reason, row, now_ns)


@njit(_I(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def hash_of(t, slot):
    """Hash of a field's value, never 0; 0 if it is absent."""
    start, end = t.scratch[slot], t.scratch[slot + 1]
    if end == 0:
        return 0
    h = hash_bytes(t.buf, start, end)
    return h if h != 0 else 1


@njit(_I(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def read_price(t, row):
    """MDEntryPx in ticks, rounded to the nearest; OFF_TICK counts if it was. INVALID if it is not a price."""
    start, end = t.scratch[M.S_PX], t.scratch[M.S_PX + 1]
    unit, scale = t.instruments[row, M.I_TICK_UNIT], t.instruments[row, M.I_TICK_SCALE]
    units = short_units(t.buf, start, end, unit, scale)
    return units if units >= 0 else F.parse_units(t.buf, start, end, unit, scale, F.NEAREST, t.control[M.OFF_TICK :])


@njit(_I(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def read_size(t, row):
    """MDEntrySize in lots, as `read_price`; negative if invalid."""
    start, end = t.scratch[M.S_SIZE], t.scratch[M.S_SIZE + 1]
    unit, scale = t.instruments[row, M.I_LOT_UNIT], t.instruments[row, M.I_LOT_SCALE]
    units = short_units(t.buf, start, end, unit, scale)
    return units if units >= 0 else F.parse_units(t.buf, start, end, unit, scale, F.NEAREST, t.control[M.OFF_TICK :])


@njit(_I(DECODER_STATE, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def entry_values(t, row):
    """Read the values of a bid or offer into the V_ words. Returns a verdict."""
    buf, scratch, control = t.buf, t.scratch, t.control
    inexact = control[M.OFF_TICK]
    price = size = M.ABSENT
    if scratch[M.S_PX + 1] != 0:
        price = read_price(t, row)
        if price == F.INVALID:
            return tags.VALUE_IS_INCORRECT
    if scratch[M.S_SIZE + 1] != 0:
        size = read_size(t, row)
        if size < 0:
            return tags.VALUE_IS_INCORRECT
    scratch[M.V_PX], scratch[M.V_SIZE] = price, size
    orders = M.ABSENT
    model = control[M.MODEL]
    if scratch[M.S_ORDERS + 1] != 0 and model != M.MODEL_ORDER and model != M.MODEL_TIERS:
        orders = F.parse_int(buf, scratch[M.S_ORDERS], scratch[M.S_ORDERS + 1])
        if orders < 0:
            return tags.VALUE_IS_INCORRECT
        orders = max(orders, 1)
    scratch[M.V_ORDERS] = orders
    if model == M.MODEL_POSITION:
        level = optional_int(buf, scratch, M.S_LEVEL, M.ABSENT)
        if level < 1 and level != M.ABSENT:
            return tags.VALUE_IS_INCORRECT
        scratch[M.V_LEVEL] = level
    return untrusted(M.R_OFF_GRID) if control[M.OFF_TICK] != inexact else 0


@njit(_I(DECODER_STATE), cache=True, nogil=True, _nrt=False, forceinline=True)
def has_ids(t):
    """1 if MDEntryID (278) and MDEntryRefID (280) mean something to this model."""
    model = t.control[M.MODEL]
    return (
        1 if model == M.MODEL_ORDER or (t.control[M.IDS] and (model == M.MODEL_PRICE or model == M.MODEL_BEST)) else 0
    )


@njit(types.void(DECODER_STATE, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def note_change(t, slot, side, price, entry_id):
    """Remember a level that this message put, changed or replaced."""
    at = t.scratch[M.S_CHANGES]
    if at == M.MAX_CHANGES:
        t.touched[slot, M.T_OVERFLOW] = 1
        return
    record = t.changes[at]
    record[M.CH_SLOT], record[M.CH_SIDE], record[M.CH_PX], record[M.CH_ID] = slot, side, price, entry_id
    t.scratch[M.S_CHANGES] = at + 1


@njit(types.void(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def apply_trade(addresses, row, now_ns):
    """Print a new trade; its aggressor from the profile's tag. Change and Delete of a trade concern no book."""
    t = decoder_state_at(addresses)
    price, size = read_price(t, row), read_size(t, row)
    if price == F.INVALID or size < 0:
        t.control[M.IGNORED] += 1
        return
    aggressor = 0
    if t.scratch[M.S_AGGRESSOR + 1] != 0:
        value = hash_bytes(t.buf, t.scratch[M.S_AGGRESSOR], t.scratch[M.S_AGGRESSOR + 1])
        aggressor = 1 if value == t.control[M.BUY] else -1 if value == t.control[M.SELL] else 0
    taken = trade(t.rows, row, now_ns, price, size, aggressor)
    wall_ns = t.scratch[M.V_WALL_NS]
    write_event(t.ring, C.TRADE, 0, row, now_ns, wall_ns, price, size, aggressor, taken)
    if row >= t.control[M.N_INSTRUMENTS]:
        at = word_array(t.control[M.SOURCE_STATE], STATE_ADDRESSES), row, now_ns, wall_ns
        apply_source_trade(*at, price, size, aggressor)
    t.control[M.TRADES] += 1
