"""Windows over cumulative channels: the rings of a board row.

Before each event the rings advance: every boundary passed since the last event gets the channels' values at that
boundary. A window of W ends now and starts at the last boundary at or before now - W, so its length is W to
W + one slice; counts are scaled to W. The cost does not depend on the
event rate.
"""

from numba import njit

from quotelife.market.board import layout as L
from quotelife.market.features.memory import reset_memory

FROM_FIRST, UNCHANGED = -1, -2  # results of `ring_position` without a position


@njit("boolean(int64[::1])", cache=True, nogil=True, _nrt=False)
def has_spread(r):
    """Whether the book has two sides and the best offer is above the best bid."""
    return r[L.N_BID] > 0 and r[L.N_ASK] > 0 and r[L.ASK_PX] > r[L.BID_PX]


@njit("void(int64[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def _extend_spread(r, spread, until_ns):
    elapsed_ns = until_ns - r[L.SPREAD_T_NS]
    if elapsed_ns <= 0:
        return
    spread = min(spread, 65535)  # its square times a window must fit into 63 bits
    r[L.CHANNELS + L.C_SPREAD] += spread * elapsed_ns
    r[L.CHANNELS + L.C_SPREAD_SQ] += spread * spread * elapsed_ns
    r[L.CHANNELS + L.C_SPREAD_NS] += elapsed_ns
    r[L.SPREAD_T_NS] = until_ns


@njit("void(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def advance_rings(r, now_ns):
    """Write the boundaries passed up to `now_ns` and extend the spread integrals to it."""
    slice_now = now_ns // L.FAST_NS
    spread = r[L.ASK_PX] - r[L.BID_PX] if has_spread(r) else 0
    for boundary in range(max(r[L.FAST_SLICE] + 1, slice_now - L.RING + 1), slice_now + 1):
        if spread > 0:
            _extend_spread(r, spread, boundary * L.FAST_NS)
        at = L.FAST + (boundary & (L.RING - 1)) * L.N_CHANNELS
        for c in range(L.N_CHANNELS - 1):
            r[at + c] = r[L.CHANNELS + c]
        r[at + L.C_MID2] = r[L.MID2]
    r[L.FAST_SLICE] = max(r[L.FAST_SLICE], slice_now)
    slow_now = now_ns // L.SLOW_NS
    for boundary in range(max(r[L.SLOW_SLICE] + 1, slow_now - L.RING + 1), slow_now + 1):
        at = L.SLOW + (boundary & (L.RING - 1)) * L.SLOW_CHANNELS
        r[at + L.S_SQ] = r[L.CHANNELS + L.C_SQ]
        r[at + L.S_MID2] = r[L.MID2]
    r[L.SLOW_SLICE] = max(r[L.SLOW_SLICE], slow_now)
    if spread > 0:
        _extend_spread(r, spread, now_ns)
    r[L.SPREAD_T_NS] = now_ns


@njit("void(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def reset_windows(r, now_ns):
    """Empty all windows and the memory, at the first event or the first after a gap."""
    for w in range(L.CHANNELS, L.SLOW + L.RING * L.SLOW_CHANNELS):
        r[w] = 0
    r[L.N_BID] = 0
    r[L.N_ASK] = 0
    reset_memory(r, now_ns)
    r[L.FIRST_EVENT_NS] = now_ns
    r[L.SPREAD_T_NS] = now_ns
    r[L.TOP_SINCE_NS] = now_ns
    r[L.FAST_SLICE] = now_ns // L.FAST_NS
    r[L.SLOW_SLICE] = now_ns // L.SLOW_NS


@njit("int64(int64[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def window_start(r, now_ns, window_ns):
    """Start of a window: a boundary of 10 ms, or the first event if that is later."""
    return max((now_ns - window_ns) // L.FAST_NS * L.FAST_NS, r[L.FIRST_EVENT_NS])


@njit("int64(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def ring_position(r, start_ns):
    """Word of the row where the channels' values at `start_ns` (from `window_start`) begin; FROM_FIRST if all were 0,
    UNCHANGED if they have not changed since."""
    slice_start = start_ns // L.FAST_NS
    if slice_start > r[L.FAST_SLICE]:
        return UNCHANGED
    if start_ns == r[L.FIRST_EVENT_NS]:
        return FROM_FIRST
    return L.FAST + (slice_start & (L.RING - 1)) * L.N_CHANNELS


@njit("int64(int64[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def change_since(r, channel, at):
    """Increase of a cumulative channel since a `ring_position`."""
    if at == UNCHANGED:
        return 0
    now = r[L.CHANNELS + channel]
    return now if at == FROM_FIRST else now - r[at + channel]


@njit("int64(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def mid2_at(r, start_ns):
    """Mid in half ticks at `start_ns` (from `window_start`); 0 if there was none yet."""
    at = ring_position(r, start_ns)
    if at == UNCHANGED:
        return r[L.MID2]
    return 0 if at == FROM_FIRST else r[at + L.C_MID2]


@njit("int64(int64[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def slow_start(r, now_ns, window_ns):
    """`window_start` for the slow ring: a boundary of 100 ms."""
    return max((now_ns - window_ns) // L.SLOW_NS * L.SLOW_NS, r[L.FIRST_EVENT_NS])


@njit("int64(int64[::1], int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def slow_at(r, channel, start_ns, newest):
    """Value of a slow channel at a boundary; `newest` if there was no event since."""
    if start_ns // L.SLOW_NS > r[L.SLOW_SLICE]:
        return newest
    if start_ns == r[L.FIRST_EVENT_NS]:
        return 0
    return r[L.SLOW + ((start_ns // L.SLOW_NS) & (L.RING - 1)) * L.SLOW_CHANNELS + channel]


@njit("int64(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def oldest_mid2(r, start_ns):
    """Mid in half ticks at the first boundary from `start_ns` (see `slow_start`) that has one, else the current mid."""
    for boundary in range(start_ns // L.SLOW_NS, r[L.SLOW_SLICE] + 1):
        mid2 = r[L.SLOW + (boundary & (L.RING - 1)) * L.SLOW_CHANNELS + L.S_MID2]
        if mid2 != 0:
            return mid2
    return r[L.MID2]
