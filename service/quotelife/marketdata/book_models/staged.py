"""Entries of a W whose levels are known only at its end: positions, which come in any order, and size tiers."""

from numba import njit, types

from quotelife.marketdata import layout as M
from quotelife.marketdata.book_models.levels import add_level, find_price, write_change
from quotelife.marketdata.book_models.position import capture_side_levels, check_order
from quotelife.marketdata.decoder_state import ADDRESSES, DECODER_STATE, decoder_state_at
from quotelife.marketdata.decoding.entries import untrusted

_I = types.int64


@njit(_I(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def stage(addresses, row, side):
    """Keep an entry of a bid or offer. Returns a verdict."""
    t = decoder_state_at(addresses)
    price, size, level = t.scratch[M.V_PX], t.scratch[M.V_SIZE], t.scratch[M.V_LEVEL]
    if price == M.ABSENT or size == M.ABSENT:
        return untrusted(M.R_MISSING_FIELD)
    staged, count = t.staged[2 * row + side], t.instruments[row, M.I_STAGED_BIDS + side]
    key = size
    if t.control[M.MODEL] == M.MODEL_POSITION:
        t.instruments[row, M.I_TAGGED] |= (1 if level == M.ABSENT else 2) << 2 * side
        if t.instruments[row, M.I_TAGGED] >> 2 * side & 3 == 3:
            return untrusted(M.R_MISSING_FIELD)
        key = level if level != M.ABSENT else count + 1
    if size == 0:
        return 0
    if t.control[M.MODEL] == M.MODEL_POSITION:
        for i in range(count):
            if staged[i, M.ST_KEY] == key:
                return untrusted(M.R_DUPLICATE_ENTRY)
        if 0 < t.control[M.WINDOW] < key:
            return untrusted(M.R_WINDOW)
    if count == staged.shape[0]:
        return untrusted(M.R_UNSUPPORTED)
    staged[count, M.ST_KEY], staged[count, M.ST_PX], staged[count, M.ST_SIZE] = key, price, size
    staged[count, M.ST_COUNT] = max(t.scratch[M.V_ORDERS], 1)
    t.instruments[row, M.I_STAGED_BIDS + side] = count + 1
    return 0


@njit(_I(ADDRESSES, _I, _I), cache=True, nogil=True, _nrt=False)
def _place_positions(addresses, row, now_ns):
    t = decoder_state_at(addresses)
    for side in range(2):
        n = t.instruments[row, M.I_STAGED_BIDS + side]
        t.n[row, side] = n
        for i in range(n):
            entry = t.staged[2 * row + side, i]
            level = entry[M.ST_KEY]
            if level > n:
                return untrusted(M.R_OUT_OF_ORDER)
            at = n - level
            t.px[row, side, at], t.sz[row, side, at] = entry[M.ST_PX], entry[M.ST_SIZE]
            t.cnt[row, side, at] = entry[M.ST_COUNT]
    verdict = check_order(addresses, row)
    if verdict == 0:
        for side in range(2):
            capture_side_levels(addresses, row, side, now_ns)
    return verdict


@njit(types.boolean(DECODER_STATE, _I, _I), cache=True, nogil=True, _nrt=False)
def _sort(t, row, side):
    """Sort the staged entries of a side by size. Returns False if two are equal."""
    staged = t.staged[2 * row + side]
    for i in range(1, t.instruments[row, M.I_STAGED_BIDS + side]):
        at = i
        while at > 0 and staged[at - 1, M.ST_KEY] > staged[at, M.ST_KEY]:
            for w in range(M.ST_WORDS):
                staged[at, w], staged[at - 1, w] = staged[at - 1, w], staged[at, w]
            at -= 1
        if at > 0 and staged[at - 1, M.ST_KEY] == staged[at, M.ST_KEY]:
            return False
    return True


@njit(_I(ADDRESSES, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def _place_tiers(addresses, slot, row, now_ns):
    """Levels of size tiers. The price of a tier holds for its whole size: its level has what the next smaller tier
    does not have. Separate tiers are levels; those of one price add up."""
    t = decoder_state_at(addresses)
    cumulative = t.control[M.CUMULATIVE]
    for side in range(2):
        if cumulative and not _sort(t, row, side):
            return untrusted(M.R_DUPLICATE_ENTRY)
        sign = 1 - 2 * side
        staged = t.staged[2 * row + side]
        for i in range(t.instruments[row, M.I_STAGED_BIDS + side]):
            price, size = staged[i, M.ST_PX], staged[i, M.ST_SIZE]
            if cumulative and i > 0:
                if price * sign > staged[i - 1, M.ST_PX] * sign:
                    return untrusted(M.R_OUT_OF_ORDER)
                size -= staged[i - 1, M.ST_SIZE]
            at = find_price(t, row, side, price)
            if at < 0:
                t.scratch[M.V_SIZE], t.scratch[M.V_ORDERS] = size, staged[i, M.ST_COUNT]
                add_level(addresses, slot, row, side, price, 0, now_ns)
            else:
                t.sz[row, side, at] += size
                write_change(t, row, side, price, t.sz[row, side, at], t.cnt[row, side, at], now_ns)
    return 0


@njit(_I(ADDRESSES, _I, _I, _I), cache=True, nogil=True, _nrt=False)
def place_staged(addresses, slot, row, now_ns):
    """At the end of a W: make levels of the staged entries. Returns a verdict."""
    t = decoder_state_at(addresses)
    if t.control[M.MODEL] == M.MODEL_TIERS:
        return _place_tiers(addresses, slot, row, now_ns)
    return _place_positions(addresses, row, now_ns)
