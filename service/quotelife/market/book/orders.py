"""Order-level books: a table of resting orders, applied to the price levels.

One open-addressing table (linear probing, deletion by shifting back) for all instruments of a writer:

    table   int64[capacity, 4]   key, location, price in ticks, size in lots; key 0: free slot
                                 location: generation << 32 | row << 1 | side
    state   int64[2 + rows]      number of orders, capacity - 1, then a generation per row

The key is a 64-bit hash of MDEntryID, row and generation. Clearing a row increments its generation, so that its
orders are no longer found; `Orders.compact` drops them when the table fills.
"""

import numpy as np
from numba import njit

from quotelife.market.book.levels import add_to_level, clear

# result bits of an order event
ADDED, CANCELLED, UNKNOWN, FULL, ASK = 1, 2, 4, 8, 16

_N_ORDERS, _MASK, _GENERATION = 0, 1, 2
_KEY, _LOCATION, _PX, _SZ = range(4)
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
    def n_orders(self) -> int:
        """Orders in the table, including those of cleared rows until `compact`."""
        return int(self.state[_N_ORDERS])

    def compact(self) -> None:
        """Drop cleared orders once the table is half full; grow it if it stays a quarter full. Call between reads."""
        size = len(self.table)
        if self.n_orders * 2 <= size:
            return
        live = np.zeros_like(self.table)
        n_live = _rebuild(self.table, live, self.state, size - 1)
        if n_live * 4 > size:
            size *= 4
            live = np.zeros((size, 4), np.int64)
            n_live = _rebuild(self.table, live, self.state, size - 1)
        self.table = live
        self.state[_N_ORDERS] = n_live
        self.state[_MASK] = size - 1


@njit("int64(int64)", cache=True, nogil=True, _nrt=False)
def _mix(value):
    """Finaliser of splitmix64: every input bit affects every output bit."""
    z = np.uint64(value)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64(z ^ (z >> np.uint64(31)))


@njit("uint64(uint8[::1], int64)", cache=True, nogil=True, _nrt=False, forceinline=True)
def word_at(buffer, start):
    """Eight bytes as a little-endian number. With unsigned indices the compiler emits a single load."""
    at = np.uint64(start)
    word = np.uint64(0)
    for i in range(8):
        word |= np.uint64(buffer[at + np.uint64(i)]) << np.uint64(8 * i)
    return word


@njit("int64(uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def hash_bytes(buffer, start, end):
    """64-bit hash of buffer[start:end]. Unique among texts of the same length up to eight bytes."""
    h = np.uint64(0xCBF29CE484222325) ^ np.uint64(end - start)
    rest = np.uint64(0)
    if end - start >= 8:
        at = start
        while end - at > 8:
            h = (h ^ word_at(buffer, at)) * np.uint64(_GOLDEN)
            h ^= h >> np.uint64(32)
            at += 8
        rest = word_at(buffer, end - 8)
    else:
        for i in range(start, end):
            rest = rest << np.uint64(8) | np.uint64(buffer[i])
    h = (h ^ rest) * np.uint64(_GOLDEN)
    h = (h ^ (h >> np.uint64(32))) * np.uint64(_GOLDEN)  # the last bytes have affected the highest bits only
    return np.int64(h ^ (h >> np.uint64(32)))


@njit("int64(int64, int64, int64[::1])", cache=True, nogil=True, _nrt=False)
def order_key(id_hash, row, state):
    """Key of an order in the current generation of its row; never 0."""
    key = _mix(id_hash ^ _mix(row * 0x9E3779B1 + state[_GENERATION + row] + 1))
    return key if key != 0 else 1


@njit("int64(int64[:,::1], int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _find(table, state, key):
    """Slot of the key, or the free slot where it would be inserted."""
    mask = state[_MASK]
    slot = key & mask
    while table[slot, _KEY] != 0 and table[slot, _KEY] != key:
        slot = (slot + 1) & mask
    return slot


@njit("void(int64[:,::1], int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _free(table, state, slot):
    """Empty a slot and shift later orders of the same probe run back, so that searches still find them."""
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
    state[_N_ORDERS] -= 1


@njit("UniTuple(int64, 3)(int64[:,::1], int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def order_at(table, state, key):
    """(side, price in ticks, size in lots) of an order; side -1 if the key is unknown."""
    slot = _find(table, state, key)
    if table[slot, _KEY] == 0:
        return -1, 0, 0
    return table[slot, _LOCATION] & 1, table[slot, _PX], table[slot, _SZ]


@njit(f"int64(int64[:,::1], int64[::1], {_LEVELS}, int64)", cache=True, nogil=True, _nrt=False)
def order_delete(table, state, px, sz, cnt, n, key):
    """Remove an order. Returns result bits; UNKNOWN if the key is unknown."""
    slot = _find(table, state, key)
    if table[slot, _KEY] == 0:
        return UNKNOWN
    row, side = (table[slot, _LOCATION] & _LOW) >> 1, table[slot, _LOCATION] & 1
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
    """Add an order, or set price and size of a known one. Returns result bits.

    A change of price counts as a removal and an addition (it loses its queue priority). FULL: the order was not
    added, so the book is no longer correct.
    """
    slot = _find(table, state, key)
    side_bit = ASK if side else 0
    if table[slot, _KEY] == 0:
        if size_lots <= 0:
            return side_bit | UNKNOWN
        if state[_N_ORDERS] * 8 >= (state[_MASK] + 1) * 7:
            return side_bit | FULL
        table[slot, _KEY] = key
        table[slot, _LOCATION] = state[_GENERATION + row] << 32 | row << 1 | side
        table[slot, _PX] = price_ticks
        table[slot, _SZ] = size_lots
        state[_N_ORDERS] += 1
        add_to_level(px, sz, cnt, n, row, side, price_ticks, size_lots, 1)
        return side_bit | ADDED
    if size_lots <= 0:
        return order_delete(table, state, px, sz, cnt, n, key)
    old_side = table[slot, _LOCATION] & 1
    old_price, old_size = table[slot, _PX], table[slot, _SZ]
    table[slot, _LOCATION] = state[_GENERATION + row] << 32 | row << 1 | side
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
    """Remove all orders and levels of a row."""
    state[_GENERATION + row] += 1
    clear(n, row)


@njit("int64(int64[:,::1], int64[:,::1], int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _rebuild(table, target, state, mask):
    """Copy the orders of live generations into an empty table of mask + 1 slots. Returns their number."""
    n_live = 0
    for i in range(table.shape[0]):
        key = table[i, _KEY]
        location = table[i, _LOCATION]
        if key == 0 or location >> 32 != state[_GENERATION + ((location & _LOW) >> 1)]:
            continue
        slot = key & mask
        while target[slot, _KEY] != 0:
            slot = (slot + 1) & mask
        for w in range(4):
            target[slot, w] = table[i, w]
        n_live += 1
    return n_live
