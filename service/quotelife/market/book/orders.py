"""Order-level books: a table of resting orders that keeps the price levels right.

One open-addressing table (linear probing, deletion by shifting back) for all instruments of a writer:

    table   int64[capacity, 4]   key, place, price in ticks, size in lots; key 0 is free
                                 place: generation << 32 | row << 1 | side
    state   int64[2 + rows]      orders held, capacity - 1, then a generation per row

The key is a 64-bit hash of MDEntryID, row and generation. Clearing a row raises its generation, so its orders can no
longer be found; `Orders.compact` drops them when the table fills.
"""

import numpy as np
from numba import njit

from quotelife.market.book.levels import add_to_level, clear

# what an order event did: bits of the result
ADDED, CANCELLED, UNKNOWN, FULL, ASK = 1, 2, 4, 8, 16

_HELD, _MASK, _GENERATION = 0, 1, 2
_KEY, _PLACE, _PX, _SZ = range(4)
_LOW = 0xFFFFFFFF
_GOLDEN = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio, odd: Knuth, The Art of Computer Programming 6.4

_LEVELS = "int64[:,:,::1], int64[:,:,::1], int64[:,:,::1], int64[:,::1]"


class Orders:
    """Storage for resting orders of `rows` instruments. `capacity` is rounded up to a power of two."""

    def __init__(self, rows: int, capacity: int = 1 << 16) -> None:
        size = 1 << max(capacity - 1, 15).bit_length()
        self.table = np.zeros((size, 4), np.int64)
        self.state = np.zeros(_GENERATION + rows, np.int64)
        self.state[_MASK] = size - 1

    @property
    def held(self) -> int:
        """Orders in the table, those of cleared rows included until `compact`."""
        return int(self.state[_HELD])

    def relieve(self) -> None:
        """Call between reads: once the table is half full, drop what was cleared, and grow if that was little."""
        size = len(self.table)
        if self.held * 2 <= size:
            return
        live = np.zeros_like(self.table)
        kept = _rebuild(self.table, live, self.state, size - 1)
        if kept * 4 > size:
            size *= 4
            live = np.zeros((size, 4), np.int64)
            kept = _rebuild(self.table, live, self.state, size - 1)
        self.table = live
        self.state[_HELD] = kept
        self.state[_MASK] = size - 1


@njit("int64(int64)", cache=True, nogil=True, _nrt=False)
def _mix(value):
    """Finaliser of splitmix64: every bit of the input moves every bit of the result."""
    z = np.uint64(value)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64(z ^ (z >> np.uint64(31)))


@njit("uint64(uint8[::1], int64)", cache=True, nogil=True, _nrt=False, forceinline=True)
def _word(buffer, start):
    """Eight bytes as a number, the first lowest. Unsigned places: so the compiler makes one load of it."""
    at = np.uint64(start)
    word = np.uint64(0)
    for i in range(8):
        word |= np.uint64(buffer[at + np.uint64(i)]) << np.uint64(8 * i)
    return word


@njit("int64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def hash_bytes(buffer, start, end):
    """64-bit hash of buffer[start:end]. No two texts of one length up to eight bytes have the same."""
    h = np.uint64(0xCBF29CE484222325) ^ np.uint64(end - start)
    rest = np.uint64(0)
    if end - start >= 8:
        at = start
        while end - at > 8:
            h = (h ^ _word(buffer, at)) * np.uint64(_GOLDEN)
            h ^= h >> np.uint64(32)
            at += 8
        rest = _word(buffer, end - 8)
    else:
        for i in range(start, end):
            rest = rest << np.uint64(8) | np.uint64(buffer[i])
    h = (h ^ rest) * np.uint64(_GOLDEN)
    h = (h ^ (h >> np.uint64(32))) * np.uint64(_GOLDEN)  # the last bytes have moved the highest bits only
    return np.int64(h ^ (h >> np.uint64(32)))


@njit("int64(int64, int64, int64[::1])", cache=True, nogil=True, _nrt=False)
def order_key(id_hash, row, state):
    """Key of an order of this row since its last clearing; never 0."""
    key = _mix(id_hash ^ _mix(row * 0x9E3779B1 + state[_GENERATION + row] + 1))
    return key if key != 0 else 1


@njit("int64(int64[:,::1], int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _find(table, state, key):
    """Slot of the key, or of the free place where it would stand."""
    mask = state[_MASK]
    slot = key & mask
    while table[slot, _KEY] != 0 and table[slot, _KEY] != key:
        slot = (slot + 1) & mask
    return slot


@njit("void(int64[:,::1], int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _free(table, state, slot):
    """Empty a slot and move later orders of the same run back, so that no search stops short."""
    mask = state[_MASK]
    hole = slot
    probe = (slot + 1) & mask
    while table[probe, _KEY] != 0:
        home = table[probe, _KEY] & mask
        if ((probe - home) & mask) >= ((probe - hole) & mask):
            for w in range(4):
                table[hole, w] = table[probe, w]
            hole = probe
        probe = (probe + 1) & mask
    table[hole, _KEY] = 0
    state[_HELD] -= 1


@njit("UniTuple(int64, 2)(int64[:,::1], int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def order_at(table, state, key):
    """(side, price in ticks) of an order; side -1 if there is none with this key."""
    slot = _find(table, state, key)
    if table[slot, _KEY] == 0:
        return -1, 0
    return table[slot, _PLACE] & 1, table[slot, _PX]


@njit(f"int64(int64[:,::1], int64[::1], {_LEVELS}, int64)", cache=True, nogil=True, _nrt=False)
def order_delete(table, state, px, sz, cnt, n, key):
    """Remove an order. Returns result bits; UNKNOWN if there is none with this key."""
    slot = _find(table, state, key)
    if table[slot, _KEY] == 0:
        return UNKNOWN
    row, side = (table[slot, _PLACE] & _LOW) >> 1, table[slot, _PLACE] & 1
    add_to_level(px, sz, cnt, n, row, side, table[slot, _PX], -table[slot, _SZ], -1)
    _free(table, state, slot)
    return CANCELLED | (ASK if side else 0)


@njit(
    f"int64(int64[:,::1], int64[::1], {_LEVELS}, int64, int64, int64, int64, int64)",
    cache=True,
    nogil=True,
    _nrt=False,
)
def order_set(table, state, px, sz, cnt, n, key, row, side, price_ticks, size_lots):
    """A new order, or a change of one that is known: its price and size become these. Returns result bits.

    A change of price counts as a removal and an addition (it loses its place in the queue). FULL: the order was not
    taken, so the book is no longer right.
    """
    slot = _find(table, state, key)
    side_bit = ASK if side else 0
    if table[slot, _KEY] == 0:
        if size_lots <= 0:
            return side_bit | UNKNOWN
        if state[_HELD] * 8 >= (state[_MASK] + 1) * 7:
            return side_bit | FULL
        table[slot, _KEY] = key
        table[slot, _PLACE] = state[_GENERATION + row] << 32 | row << 1 | side
        table[slot, _PX] = price_ticks
        table[slot, _SZ] = size_lots
        state[_HELD] += 1
        add_to_level(px, sz, cnt, n, row, side, price_ticks, size_lots, 1)
        return side_bit | ADDED
    if size_lots <= 0:
        return order_delete(table, state, px, sz, cnt, n, key)
    old_side = table[slot, _PLACE] & 1
    old_price, old_size = table[slot, _PX], table[slot, _SZ]
    table[slot, _PLACE] = state[_GENERATION + row] << 32 | row << 1 | side
    table[slot, _PX] = price_ticks
    table[slot, _SZ] = size_lots
    if old_price == price_ticks and old_side == side:
        add_to_level(px, sz, cnt, n, row, side, price_ticks, size_lots - old_size, 0)
        if size_lots == old_size:
            return side_bit
        return side_bit | (ADDED if size_lots > old_size else CANCELLED)
    add_to_level(px, sz, cnt, n, row, old_side, old_price, -old_size, -1)
    add_to_level(px, sz, cnt, n, row, side, price_ticks, size_lots, 1)
    return side_bit | ADDED | CANCELLED


@njit("void(int64[::1], int64[:,::1], int64)", cache=True, nogil=True, _nrt=False)
def clear_orders(state, n, row):
    """Forget every order and level of a row."""
    state[_GENERATION + row] += 1
    clear(n, row)


@njit("int64(int64[:,::1], int64[:,::1], int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _rebuild(table, fresh, state, mask):
    """Copy the orders of live generations into an empty table of mask + 1 slots. Returns how many there are."""
    kept = 0
    for i in range(table.shape[0]):
        key = table[i, _KEY]
        place = table[i, _PLACE]
        if key == 0 or place >> 32 != state[_GENERATION + ((place & _LOW) >> 1)]:
            continue
        slot = key & mask
        while fresh[slot, _KEY] != 0:
            slot = (slot + 1) & mask
        for w in range(4):
            fresh[slot, w] = table[i, w]
        kept += 1
    return kept
