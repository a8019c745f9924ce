"""Symbol to board row: an open-addressing hash table that kernels can search.

table   int64[size, 4]   hash, row + 1 (0 is free), offset and length of the name
names   uint8[...]       the names, concatenated
"""

from collections.abc import Mapping

import numpy as np
from numba import njit

from quotelife.market.book.orders import hash_bytes

_HASH, ROW, OFFSET, _LENGTH = range(4)


class SymbolTable:
    """Built once from the venue's symbols; at most half full, linear probing."""

    def __init__(self, rows: Mapping[str, int]) -> None:
        size = 1 << max(4, (2 * len(rows)).bit_length())
        self.table = np.zeros((size, 4), np.int64)
        self.rows = np.array(sorted(set(rows.values())), np.int64)
        encoded = {symbol.encode(): row for symbol, row in rows.items()}
        self.names = np.frombuffer(b"".join(encoded) or b"\0", np.uint8).copy()
        offset = 0
        for name, row in encoded.items():
            h = int(hash_bytes(self.names, offset, offset + len(name)))
            slot = h & (size - 1)
            while self.table[slot, ROW]:
                slot = (slot + 1) & (size - 1)
            self.table[slot] = (h, row + 1, offset, len(name))
            offset += len(name)

    def row_of(self, symbol: bytes) -> int:
        """Board row of a symbol, -1 if not configured."""
        if not symbol:
            return -1
        return int(find_row(self.table, self.names, np.frombuffer(symbol, np.uint8).copy(), 0, len(symbol)))


@njit("int64(int64[:,::1], uint8[::1], uint8[::1], int64, int64)", cache=True, nogil=True, _nrt=False)
def find_row(table, names, buf, start, end):
    """Board row of the symbol in `buf[start:end]`, -1 if not in the table."""
    h = hash_bytes(buf, start, end)
    mask = table.shape[0] - 1
    slot = h & mask
    while table[slot, ROW] != 0:
        if table[slot, _HASH] == h and table[slot, _LENGTH] == end - start:
            offset = table[slot, OFFSET]
            same = True
            for i in range(end - start):
                if names[offset + i] != buf[start + i]:
                    same = False
                    break
            if same:
                return table[slot, ROW] - 1
        slot = (slot + 1) & mask
    return -1


@njit("int64(int64[:,::1], int64)", cache=True, nogil=True, _nrt=False)
def probable_slot(table, h):
    """Slot of the symbol with this hash, -1 if there is none. The name is not compared."""
    mask = table.shape[0] - 1
    slot = h & mask
    while table[slot, ROW] != 0:
        if table[slot, _HASH] == h:
            return slot
        slot = (slot + 1) & mask
    return -1
