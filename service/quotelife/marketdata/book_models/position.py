"""Model `position`: levels by their position (1023 or 290), 1 the best; position k is the index n - k.

While a message is applied, prices may be out of order; they are captured and checked at its end.
"""

from numba import njit, types

from quotelife.market.capture import layout as C
from quotelife.market.capture.writer import write_level, write_status
from quotelife.marketdata import layout as M
from quotelife.marketdata.book_models.levels import drop_level, make_room, write_change
from quotelife.marketdata.decoder_state import ADDRESSES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.decoding.entries import note_change, untrusted

_I = types.int64


@njit(types.void(DECODER_STATE, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False, forceinline=True)
def _drop(t, slot, row, side, at):
    note_change(t, slot, side, t.px[row, side, at], 0)
    drop_level(t, row, side, at)


@njit(_I(ADDRESSES, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _insert(addresses, row, side, level, slot):
    """New and append: insert at the position; the levels behind it move back, one of them out of the window."""
    t = decoder_state_at(addresses)
    n, window = t.n[row, side], t.control[M.WINDOW]
    if level > n + 1:
        return untrusted(M.R_OUT_OF_ORDER)
    if window > 0 and level > window:
        return untrusted(M.R_WINDOW)
    if n == t.px.shape[2] or (window > 0 and n == window):
        _drop(t, slot, row, side, 0)
        n -= 1
    at = n + 1 - level
    if at < 0:  # the side is full, and this is its worst level
        return untrusted(M.R_UNSUPPORTED)
    make_room(t, row, side, at)
    t.px[row, side, at], t.sz[row, side, at] = t.scratch[M.V_PX], t.scratch[M.V_SIZE]
    t.cnt[row, side, at] = max(t.scratch[M.V_ORDERS], 1)
    note_change(t, slot, side, t.scratch[M.V_PX], 0)
    t.touched[slot, M.T_BID_ADDS + side] += 1
    return 0


@njit(_I(ADDRESSES, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _delete(addresses, row, side, action, level, slot):
    t = decoder_state_at(addresses)
    n = t.n[row, side]
    price = t.scratch[M.V_PX]
    if level > n or (price != M.ABSENT and t.px[row, side, n - level] != price):
        return untrusted(M.R_UNKNOWN_ENTRY)
    first = 0 if action == M.A_DELETE_FROM else n - level
    last = n - 1 if action == M.A_DELETE_THRU else n - level
    for at in range(last, first - 1, -1):
        _drop(t, slot, row, side, at)
    t.touched[slot, M.T_BID_CANCELS + side] += last - first + 1
    return 0


@njit(_I(ADDRESSES, _I, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _replace(addresses, row, side, action, level, slot):
    """Change the size at a position; overlay: price and size."""
    t = decoder_state_at(addresses)
    price, size, n = t.scratch[M.V_PX], t.scratch[M.V_SIZE], t.n[row, side]
    if level > n:
        return untrusted(M.R_UNKNOWN_ENTRY)
    at = n - level
    old_price, old_size = t.px[row, side, at], t.sz[row, side, at]
    if action == M.A_CHANGE and price != M.ABSENT and price != old_price:
        return untrusted(M.R_OUT_OF_ORDER)
    note_change(t, slot, side, old_price, 0)
    moved = price != M.ABSENT and price != old_price
    if moved:
        note_change(t, slot, side, price, 0)
        t.px[row, side, at] = price
    t.sz[row, side, at] = size
    if t.scratch[M.V_ORDERS] > 0:
        t.cnt[row, side, at] = t.scratch[M.V_ORDERS]
    t.touched[slot, M.T_BID_ADDS + side] += moved or size > old_size
    t.touched[slot, M.T_BID_CANCELS + side] += moved or size < old_size
    return 0


@njit(_I(ADDRESSES, _I, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def apply_position(addresses, row, side, action, slot):
    """Apply an entry of a bid or offer in an X. Returns a verdict."""
    t = decoder_state_at(addresses)
    price, size, level, n = t.scratch[M.V_PX], t.scratch[M.V_SIZE], t.scratch[M.V_LEVEL], t.n[row, side]
    if action == M.A_DELETE_ALL:
        for at in range(n - 1, -1, -1):
            _drop(t, slot, row, side, at)
        t.touched[slot, M.T_BID_CANCELS + side] += n
        return 0
    if action == M.A_APPEND and size != 0:
        if level != M.ABSENT and level != n + 1:
            return untrusted(M.R_OUT_OF_ORDER)
        level = n + 1
    puts = action == M.A_NEW or action == M.A_APPEND or action == M.A_OVERLAY
    if level == M.ABSENT or (puts and price == M.ABSENT) or ((puts or action == M.A_CHANGE) and size == M.ABSENT):
        return untrusted(M.R_MISSING_FIELD)
    if (puts or action == M.A_CHANGE) and size > 0:
        if action == M.A_NEW or action == M.A_APPEND:
            return _insert(addresses, row, side, level, slot)
        return _replace(addresses, row, side, action, level, slot)
    return _delete(addresses, row, side, action, level, slot)


@njit(_I(ADDRESSES, _I), cache=True, nogil=True, _nrt=False)
def check_order(addresses, row):
    """At the end of a message: prices worsen with the position on both sides. Returns a verdict."""
    t = decoder_state_at(addresses)
    for side in range(2):
        sign = 1 - 2 * side
        for at in range(1, t.n[row, side]):
            if t.px[row, side, at] * sign <= t.px[row, side, at - 1] * sign:
                return untrusted(M.R_OUT_OF_ORDER)
    return 0


@njit(types.void(ADDRESSES, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def capture_side_levels(addresses, row, side, now_ns):
    """Capture every level of a side."""
    t = decoder_state_at(addresses)
    for at in range(t.n[row, side]):
        write_change(t, row, side, t.px[row, side, at], t.sz[row, side, at], t.cnt[row, side, at], now_ns)


@njit(types.void(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def capture_positions(addresses, slot, now_ns):
    """At the end of a message: capture the prices that it changed."""
    t = decoder_state_at(addresses)
    row = t.touched[slot, M.T_ROW]
    if t.touched[slot, M.T_OVERFLOW]:
        write_status(t.ring, C.CLEAR, 0, row, now_ns)
        for side in range(2):
            capture_side_levels(addresses, row, side, now_ns)
        return
    for i in range(t.scratch[M.S_CHANGES]):
        record = t.changes[i]
        if record[M.CH_SLOT] == slot:
            at = row, record[M.CH_SIDE], record[M.CH_PX], now_ns, t.touched[slot, M.T_WALL_NS]
            write_level(t.ring, t.px, t.sz, t.cnt, t.n, *at)
