"""The writer's side of the features: applies market-data messages to board rows.

Every kernel here brackets its writes with the row's seqlock (see `quotelife.shm.seqlock`). The marketdata process is
the only caller. `now_ns` is the monotonic receive time; a time before the last event of the row is raised to it.
"""

import numpy as np
from numba import njit

from quotelife.market.board import layout as L
from quotelife.market.features.memory import add_square, add_trade, extend_sizes
from quotelife.market.features.windows import advance_rings, has_spread, reset_windows
from quotelife.shm.seqlock import begin_write, end_write


@njit(
    "int64(int64[::1], int64[::1], int64, int64, int64[:,:,::1], int64[:,:,::1], int64[:,::1])",
    cache=True,
    nogil=True,
    _nrt=False,
)
def _update_top_channels(r, channels, row, now_ns, px, sz, n):
    """Add the change of the best levels to channels and memory, before they are replaced. Returns 1 if they differ."""
    changed = 0
    for side in range(2):
        n_levels = n[row, side]
        n_before = r[L.N_BID + side]
        at_px, at_sz = (L.BID_PX, L.BID_SZ) if side == 0 else (L.ASK_PX, L.ASK_SZ)
        if n_levels == 0 or n_before == 0:
            if n_levels != n_before:
                changed = 1
                r[L.BID_PX_SINCE_NS + side] = now_ns
            continue
        old_px, old_sz = r[at_px], r[at_sz]
        new_px, new_sz = px[row, side, n_levels - 1], sz[row, side, n_levels - 1]
        if old_px == new_px and old_sz == new_sz:
            continue
        changed = 1
        if old_px != new_px:
            r[L.BID_PX_SINCE_NS + side] = now_ns
        sign = 1 - 2 * side
        # Cont, Kukanov, Stoikov (2014): size added to the best bid minus size removed, mirrored for the ask
        if new_px * sign >= old_px * sign:
            channels[L.C_OFI] += sign * new_sz
        if new_px * sign <= old_px * sign:
            channels[L.C_OFI] -= sign * old_sz
    if changed:
        extend_sizes(r, now_ns)
        channels[L.C_TOP] += 1
        r[L.TOP_SINCE_NS] = now_ns
    return changed


@njit("void(int64[::1], int64, int64[:,:,::1], int64[:,:,::1], int64[:,::1])", cache=True, nogil=True, _nrt=False)
def _copy_depth(r, row, px, sz, n):
    for side in range(2):
        n_levels = n[row, side]
        n_copied = min(n_levels, L.DEPTH)
        at_px, at_sz = (L.BID_PX, L.BID_SZ) if side == 0 else (L.ASK_PX, L.ASK_SZ)
        r[L.N_BID + side] = n_copied
        for i in range(n_copied):
            r[at_px + i] = px[row, side, n_levels - 1 - i]
            r[at_sz + i] = sz[row, side, n_levels - 1 - i]


@njit(
    "int64(int64[:,::1], int64, int64, int64,int64[:,:,::1], int64[:,:,::1], int64[:,::1], int64, int64, int64, int64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def publish(rows, row, now_ns, exchange_wall_ns, px, sz, n, bid_adds, ask_adds, bid_cancels, ask_cancels):
    """Publish the book of `row` on the board, once per message. Returns 1 if the top changed.

    `px`, `sz`, `n` are the arrays of `quotelife.market.book.levels.Books`; the counts are the message's order
    additions and removals. All windows are emptied if the row was not live (the first book, or the first after a gap).
    """
    r = rows[row]
    now_ns = max(now_ns, r[L.LAST_EVENT_NS])
    begin_write(r)
    if r[L.STATE] != L.BOOK_LIVE:
        reset_windows(r, now_ns)
        r[L.STATE] = L.BOOK_LIVE
        r[L.STATE_SINCE_NS] = now_ns
    advance_rings(r, now_ns)
    channels = r[L.CHANNELS : L.CHANNELS + L.N_CHANNELS]
    channels[L.C_BID_ADD] += bid_adds
    channels[L.C_ASK_ADD] += ask_adds
    channels[L.C_BID_CANCEL] += bid_cancels
    channels[L.C_ASK_CANCEL] += ask_cancels
    changed = _update_top_channels(r, channels, row, now_ns, px, sz, n)
    _copy_depth(r, row, px, sz, n)
    if has_spread(r):
        mid2 = r[L.BID_PX] + r[L.ASK_PX]
        if r[L.MID2] != 0 and mid2 != r[L.MID2]:
            square = (mid2 - r[L.MID2]) ** 2
            channels[L.C_SQ] += square
            add_square(r, now_ns, square)
        r[L.MID2] = mid2
    r[L.LAST_EVENT_NS] = now_ns
    r[L.EXCHANGE_WALL_NS] = exchange_wall_ns
    r[L.UPDATES] += 1
    end_write(r)
    return changed


@njit("int64(int64[:,::1], int64, int64, int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def trade(rows, row, now_ns, price_ticks, size_lots, aggressor):
    """Record a trade. `aggressor`: +1 bought, -1 sold, 0 unknown, then inferred from the mid. Returns the aggressor.

    Ignored (returns 0) while the row is not live, because the next book empties its windows.
    """
    r = rows[row]
    if r[L.STATE] != L.BOOK_LIVE or size_lots <= 0:
        return 0
    now_ns = max(now_ns, r[L.LAST_EVENT_NS])
    begin_write(r)
    advance_rings(r, now_ns)
    if aggressor == 0 and r[L.MID2] != 0:
        aggressor = np.sign(2 * price_ticks - r[L.MID2])  # Lee and Ready (1991), the quote rule
    channels = r[L.CHANNELS : L.CHANNELS + L.N_CHANNELS]
    channels[L.C_TRADE_PV] += price_ticks * size_lots
    channels[L.C_TRADE_V] += size_lots
    add_trade(r, now_ns, aggressor)
    if aggressor > 0:
        channels[L.C_BUY_V] += size_lots
    elif aggressor < 0:
        channels[L.C_SELL_V] += size_lots
    r[L.TRADE_PX] = price_ticks
    r[L.TRADE_SZ] = size_lots
    r[L.TRADE_NS] = now_ns
    r[L.TRADES] += 1
    r[L.TRADED_LOTS] += size_lots
    r[L.LAST_EVENT_NS] = now_ns
    end_write(r)
    return aggressor


@njit("void(int64[:,::1], int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def set_state(rows, row, now_ns, state):
    """Set STATE to one of the BOOK_ values. Setting the same state again changes nothing."""
    r = rows[row]
    if r[L.STATE] == state:
        return
    begin_write(r)
    r[L.STATE] = state
    r[L.STATE_SINCE_NS] = now_ns
    end_write(r)


@njit("void(int64[:,::1], int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def set_halted(rows, row, now_ns, halted):
    """Record that the venue halted (1) or resumed (0) trading."""
    r = rows[row]
    if r[L.HALTED] == halted:
        return
    begin_write(r)
    r[L.HALTED] = halted
    r[L.HALTED_SINCE_NS] = now_ns
    end_write(r)


@njit("void(int64[:,::1], int64, int64, float64)", cache=True, nogil=True, _nrt=False)
def set_sentiment(rows, row, now_ns, sentiment):
    """Record the sentiment of news, clipped to [-1, 1]."""
    r = rows[row]
    begin_write(r)
    r[L.SENTIMENT : L.SENTIMENT + 1].view(np.float64)[0] = min(max(sentiment, -1.0), 1.0)
    r[L.SENTIMENT_NS] = now_ns
    end_write(r)
