"""The newest QuoteReqIDs that were used before, in memory of a fixed size.

A set of strings would grow for hours until it is full. This holds 64-bit hashes, with all memory allocated at the
start. The hash is Python's, with a new key in each process, so a client cannot construct collisions; among 200,000 ids
a new one collides with a probability of 10^-14.

    words    number of hashes, position of the oldest | the hashes in the order of arrival
    table    the same hashes, open addressing with linear probing: a free position holds _EMPTY
"""

import numpy as np
from numba import njit

from quotelife.shm.arrays import address_of, word_array

MAX_REMEMBERED = 200_000  # of all sessions; older QuoteReqIDs may be used again
_COUNT, _OLDEST, _ORDER = 0, 1, 2
_EMPTY = 0


@njit("int64(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _position(table, key):
    """Position of the key, or the free position at which it would be inserted."""
    last = len(table) - 1
    at = key & last
    while table[at] != _EMPTY and table[at] != key:
        at = (at + 1) & last
    return at


@njit("void(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _remove(table, key):
    """Free the key's position, and move up the keys behind it that would not be found any more."""
    last = len(table) - 1
    hole = _position(table, key)
    at = hole
    while table[at] != _EMPTY:
        at = (at + 1) & last
        home = table[at] & last
        if table[at] != _EMPTY and ((at - home) & last) >= ((at - hole) & last):
            table[hole] = table[at]
            hole = at
    table[hole] = _EMPTY


@njit("boolean(int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def _contains(address, size, key):
    table = word_array(address, size)
    return table[_position(table, key)] == key


@njit("void(int64[::1], int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _add(words, table, key):
    """Add a key; where the memory is full, it replaces the oldest."""
    at = _position(table, key)
    if table[at] == key:
        return
    capacity = len(words) - _ORDER
    if words[_COUNT] == capacity:
        oldest = _ORDER + words[_OLDEST]
        _remove(table, words[oldest])
        words[oldest] = key
        words[_OLDEST] = (words[_OLDEST] + 1) % capacity
        at = _position(table, key)
    else:
        words[_ORDER + words[_COUNT]] = key
        words[_COUNT] += 1
    table[at] = key


class SeenRequestIds:
    """The newest `capacity` pairs (session, QuoteReqID) that were added. One thread at a time."""

    def __init__(self, capacity: int = MAX_REMEMBERED) -> None:
        self._words = np.zeros(_ORDER + capacity, np.int64)
        self._table = np.zeros(1 << (2 * capacity).bit_length(), np.int64)  # never more than half full
        for array in (self._words, self._table):
            array.fill(_EMPTY)  # touches the memory now
        self._address = address_of(self._table, np.int64, "table"), len(self._table)

    def __len__(self) -> int:
        return int(self._words[_COUNT])

    def __contains__(self, key: tuple[str, str]) -> bool:
        return bool(_contains(*self._address, hash(key) or 1))

    def add(self, key: tuple[str, str]) -> None:
        _add(self._words, self._table, hash(key) or 1)
