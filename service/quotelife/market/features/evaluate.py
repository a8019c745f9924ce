"""The reader's side of the features: evaluates a board row as of now while the writer continues.

Windows are differences of cumulative channels, so all features are computed in place, without a copy of the row; the
row's version is checked before and after.
"""

import math

import numpy as np
from numba import njit

from quotelife.market.board import layout as L
from quotelife.market.features.memory import fill_memory
from quotelife.market.features.windows import (
    UNCHANGED,
    change_since,
    has_spread,
    mid2_at,
    oldest_mid2,
    ring_position,
    slow_at,
    slow_start,
    window_start,
)
from quotelife.shm.seqlock import is_unchanged, stable_version
from quotelife_models import schema as S

_100_MS, _500_MS, _1_S, _5_S, _10_S = 100_000_000, 500_000_000, 1_000_000_000, 5_000_000_000, 10_000_000_000
_READ_ATTEMPTS = 64  # readings of a row that the writer may invalidate before the row is busy


@njit("UniTuple(int64, 2)(int64[::1], int64[:,::1], int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _status(header, venues, r, now_ns):
    """The first reason not to quote from this row, and when it began."""
    if now_ns - header[L.H_HEARTBEAT_NS] > L.WRITER_DEAD_NS:
        return L.STATUS_WRITER_DEAD, header[L.H_HEARTBEAT_NS]
    venue = venues[r[L.VENUE]]
    if venue[L.V_STATE] != L.VENUE_UP:
        return L.STATUS_DISCONNECTED, venue[L.V_STATE_SINCE_NS]
    state, since = r[L.STATE], r[L.STATE_SINCE_NS]
    if state == L.BOOK_EMPTY:
        return L.STATUS_NO_BOOK, since
    if state == L.BOOK_GAP:
        return L.STATUS_GAP, since
    if state == L.BOOK_DISCONNECTED:
        return L.STATUS_DISCONNECTED, since
    if state == L.BOOK_MISMATCH:
        return L.STATUS_MISMATCH, since
    if now_ns - venue[L.V_LAST_RECEIVED_NS] > r[L.STALE_AFTER_NS]:
        return L.STATUS_STALE, venue[L.V_LAST_RECEIVED_NS]
    if venue[L.V_LATE_SINCE_NS] != 0:
        return L.STATUS_LATE, venue[L.V_LATE_SINCE_NS]
    if r[L.HALTED] != 0:
        return L.STATUS_HALTED, r[L.HALTED_SINCE_NS]
    if r[L.N_BID] == 0 or r[L.N_ASK] == 0:
        return L.STATUS_ONE_SIDED, r[L.TOP_SINCE_NS]
    if not has_spread(r):
        return L.STATUS_CROSSED, r[L.TOP_SINCE_NS]
    return L.STATUS_OK, since


@njit("void(int64[::1], int64[::1])", cache=True, nogil=True, _nrt=False)
def _copy_snapshot(r, snap):
    snap[L.SNAP_LAST_EVENT_NS] = r[L.LAST_EVENT_NS]
    snap[L.SNAP_VERSION] = r[L.VERSION]
    snap[L.SNAP_N_BID] = r[L.N_BID]
    snap[L.SNAP_N_ASK] = r[L.N_ASK]
    for i in range(4 * L.DEPTH):  # BID_PX, BID_SZ, ASK_PX, ASK_SZ are in the same order in both
        snap[L.SNAP_BID_PX + i] = r[L.BID_PX + i]


@njit("void(int64[:,::1], int64, int64, float64[::1], int64[::1])", cache=True, nogil=True, _nrt=False)
def correlated_moves(rows, row, now_ns, x, snap):
    """Fill in the velocity of a row's mid over 500 ms in % per second, and its return over 5 s, or since the oldest
    known value, in %; 0 without such a row or a live book in it."""
    x[S.CORRELATED_VELOCITY] = 0.0
    x[S.CORRELATED_RETURN_5S] = 0.0
    if row < 0:
        return
    r = rows[row]
    for _ in range(_READ_ATTEMPTS):
        version = stable_version(r)
        if version < 0:
            return
        now = max(now_ns, r[L.LAST_EVENT_NS])
        start = window_start(r, now, _500_MS)
        before, after, live = mid2_at(r, start), r[L.MID2], r[L.STATE] == L.BOOK_LIVE
        oldest = oldest_mid2(r, slow_start(r, now, _5_S))
        if is_unchanged(r, version):
            snap[L.SNAP_CORRELATED_VERSION] = version
            if live and oldest != 0:
                x[S.CORRELATED_RETURN_5S] = (after - oldest) / oldest * 100.0
            if live and before != 0 and now > start:
                # over at least the nominal 500 ms: a first tick would have an infinite velocity
                velocity = (after - before) / before * 100.0
                x[S.CORRELATED_VELOCITY] = velocity / (max(now - start, _500_MS) / 1e9)
            return


@njit("void(int64[:,::1], int64, int64, float64[::1], int64[::1])", cache=True, nogil=True, _nrt=False)
def volatility_index(rows, row, now_ns, x, snap):
    """Fill in the index in points (its mid) and its change over 10 s, or since the oldest known value."""
    x[S.VOLATILITY_INDEX] = 0.0
    x[S.VOLATILITY_INDEX_CHANGE] = 0.0
    if row < 0:
        return
    r = rows[row]
    for _ in range(_READ_ATTEMPTS):
        version = stable_version(r)
        if version < 0:
            return
        now = max(now_ns, r[L.LAST_EVENT_NS])
        after = r[L.MID2]
        before = oldest_mid2(r, slow_start(r, now, _10_S))
        live = r[L.STATE] == L.BOOK_LIVE
        tick = r[L.TICK_SIZE : L.TICK_SIZE + 1].view(np.float64)[0]
        if is_unchanged(r, version):
            snap[L.SNAP_INDEX_VERSION] = version
            if live and after != 0:
                x[S.VOLATILITY_INDEX] = after * tick / 2.0
                x[S.VOLATILITY_INDEX_CHANGE] = (after - before) * tick / 2.0
            return


@njit("float64(int64[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def _spread_volatility(r, now_ns, at):
    """Time-weighted standard deviation of the spread since a boundary, without times of a one-sided or crossed book."""
    spread = min(r[L.ASK_PX] - r[L.BID_PX], 65535)
    if at == UNCHANGED:
        return 0.0
    tail = now_ns - r[L.SPREAD_T_NS]
    total = np.float64(change_since(r, L.C_SPREAD_NS, at) + tail)
    if total <= 0.0:
        return 0.0
    mean = (change_since(r, L.C_SPREAD, at) + spread * tail) / total
    square = (change_since(r, L.C_SPREAD_SQ, at) + spread * spread * tail) / total
    return math.sqrt(max(square - mean * mean, 0.0))


@njit("float64(int64, int64)", cache=True, nogil=True, _nrt=False)
def _nominal_scale(length_ns, window_ns):
    """Factor that scales a count of events to the window's nominal length (see `quotelife.market.features.windows`)."""
    return window_ns / length_ns if length_ns > window_ns else 1.0


@njit("float64(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _vwap_deviation(r, at):
    volume = change_since(r, L.C_TRADE_V, at)
    if volume <= 0:
        return 0.0
    return r[L.TRADE_PX] - change_since(r, L.C_TRADE_PV, at) / volume


@njit("float64(float64, float64)", cache=True, nogil=True, _nrt=False)
def _imbalance(bid, ask):
    return (bid - ask) / (bid + ask) if bid + ask > 0 else 0.0


@njit("void(int64[::1], float64[::1])", cache=True, nogil=True, _nrt=False)
def _fill_depth(r, x):
    """Fill in depth at 1, 3, 5 and 10 levels, imbalances and distance-weighted pressure."""
    for side in range(2):
        at_px, at_sz = (L.BID_PX, L.BID_SZ) if side == 0 else (L.ASK_PX, L.ASK_SZ)
        to_depth = S.BID_DEPTH_1 if side == 0 else S.ASK_DEPTH_1
        n_levels = r[L.N_BID + side]
        depth, pressure = 0.0, 0.0
        for i in range(L.DEPTH):
            if i < n_levels:
                size = np.float64(r[at_sz + i])
                depth += size
                pressure += size / (1.0 + abs(r[at_px + i] - r[at_px]))
            if i == 0:
                x[to_depth] = depth
            elif i == 2:
                x[to_depth + 1] = depth
            elif i == 4:
                x[to_depth + 2] = depth
        x[to_depth + 3] = depth
        x[S.BID_PRESSURE + side] = pressure
    x[S.IMBALANCE_1] = _imbalance(x[S.BID_DEPTH_1], x[S.ASK_DEPTH_1])
    x[S.IMBALANCE_5] = _imbalance(x[S.BID_DEPTH_5], x[S.ASK_DEPTH_5])


@njit("void(int64[::1], int64, float64[::1])", cache=True, nogil=True, _nrt=False)
def _fill_sentiment(r, now_ns, x):
    if r[L.SENTIMENT_NS] == 0:
        x[S.NEWS_SENTIMENT] = 0.0
        x[S.NEWS_AGE] = 3600.0
        return
    age_ns = max(now_ns - r[L.SENTIMENT_NS], 0)
    sentiment = r[L.SENTIMENT : L.SENTIMENT + 1].view(np.float64)[0]
    x[S.NEWS_SENTIMENT] = sentiment * 0.5 ** (age_ns / max(r[L.SENTIMENT_HALF_LIFE_NS], 1))
    x[S.NEWS_AGE] = min(age_ns / 1e9, 3600.0)


@njit("void(int64[::1], int64, float64[::1])", cache=True, nogil=True, _nrt=False)
def _fill_features(r, now_ns, x):
    """Fill in all features that depend on this row alone."""
    now_ns = max(now_ns, r[L.LAST_EVENT_NS])
    start_1s, start_100ms = window_start(r, now_ns, _1_S), window_start(r, now_ns, _100_MS)
    at_1s, at_100ms = ring_position(r, start_1s), ring_position(r, start_100ms)
    x[S.SPREAD] = r[L.ASK_PX] - r[L.BID_PX]
    x[S.SPREAD_VOLATILITY] = _spread_volatility(r, now_ns, at_1s)
    x[S.TOP_UPDATE_COUNT] = change_since(r, L.C_TOP, at_100ms) * _nominal_scale(now_ns - start_100ms, _100_MS)
    x[S.VWAP_DEVIATION_100MS] = _vwap_deviation(r, at_100ms)
    x[S.VWAP_DEVIATION_500MS] = _vwap_deviation(r, ring_position(r, window_start(r, now_ns, _500_MS)))
    x[S.REALISED_VOLATILITY_1S] = math.sqrt(max(change_since(r, L.C_SQ, at_1s), 0)) / 2.0
    newest = r[L.CHANNELS + L.C_SQ]
    slow = newest - slow_at(r, L.S_SQ, slow_start(r, now_ns, _10_S), newest)
    x[S.REALISED_VOLATILITY_10S] = math.sqrt(max(slow, 0)) / 2.0
    _fill_depth(r, x)
    nominal = _nominal_scale(now_ns - start_1s, _1_S)
    x[S.BID_ADD_RATE] = change_since(r, L.C_BID_ADD, at_1s) * nominal
    x[S.ASK_ADD_RATE] = change_since(r, L.C_ASK_ADD, at_1s) * nominal
    x[S.BID_CANCEL_RATE] = change_since(r, L.C_BID_CANCEL, at_1s) * nominal
    x[S.ASK_CANCEL_RATE] = change_since(r, L.C_ASK_CANCEL, at_1s) * nominal
    x[S.ORDER_FLOW_IMBALANCE] = change_since(r, L.C_OFI, at_1s)
    bought, sold = change_since(r, L.C_BUY_V, at_1s), change_since(r, L.C_SELL_V, at_1s)
    x[S.TRADE_FLOW_IMBALANCE] = (bought - sold) / (bought + sold) if bought + sold > 0 else 0.0
    _fill_sentiment(r, now_ns, x)
    bid_sz, ask_sz = r[L.BID_SZ], r[L.ASK_SZ]
    micro = (r[L.BID_PX] * ask_sz + r[L.ASK_PX] * bid_sz) / (bid_sz + ask_sz)
    x[S.MICRO_DEVIATION] = micro - (r[L.BID_PX] + r[L.ASK_PX]) / 2.0
    x[S.TOP_AGE] = min((now_ns - r[L.TOP_SINCE_NS]) / 1e6, 60_000.0)
    x[S.AVERAGE_TRADE] = r[L.TRADED_LOTS] / r[L.TRADES] if r[L.TRADES] > 0 else 0.0
    fill_memory(r, now_ns, x)


@njit(
    "int64(int64[::1], int64[:,::1], int64[:,::1], int64, int64, float64[::1], int64[::1])",
    cache=True,
    nogil=True,
    _nrt=False,
)
def evaluate(header, venues, rows, row, now_ns, x, snap):
    """Features and top of the book of a row as of `now_ns` (monotonic).

    Fills x float64[N_FEATURES] and snap int64[SNAP_WORDS] (see `quotelife.market.board.layout`) and returns the status:
    STATUS_OK, or the first reason not to quote from this row. x is meaningful only with STATUS_OK.
    """
    r = rows[row]
    status, since = L.STATUS_BUSY, now_ns
    for _ in range(_READ_ATTEMPTS):
        version = stable_version(r)
        if version < 0:
            break
        status, since = _status(header, venues, r, now_ns)
        _copy_snapshot(r, snap)
        if status == L.STATUS_OK:
            _fill_features(r, now_ns, x)
        if is_unchanged(r, version):
            break
        status, since = L.STATUS_BUSY, now_ns
    snap[L.SNAP_CORRELATED_VERSION] = 0
    snap[L.SNAP_INDEX_VERSION] = 0
    if status == L.STATUS_OK:
        correlated_moves(rows, r[L.CORRELATED], now_ns, x, snap)
        volatility_index(rows, r[L.VOLATILITY_INDEX_ROW], now_ns, x, snap)
    snap[L.SNAP_STATUS] = status
    snap[L.SNAP_SINCE_NS] = since
    return status
