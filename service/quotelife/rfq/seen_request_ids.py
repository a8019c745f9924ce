"""QuoteReqIDs that were used before, the newest so many of them, in memory of a fixed size.

A set of strings would grow for hours before it is full. Here are 64-bit hashes, and all of their memory is taken at the
start. The hash is Python's, keyed anew in each process, so nobody can look for ids that meet; among 200,000 a new id
meets another once in 10^14 times.

    words    how many there are, place of the oldest | the hashes in the order of their coming
    table    the same hashes, open addressing with linear probing: a place without one holds _EMPTY
"""

import numpy as np
from numba import njit

from quotelife.shm.arrays import address_of, word_array

REMEMBERED_REQUESTS = 200_000  # of all sessions; older QuoteReqIDs may be used again
_COUNT, _OLDEST, _ORDER = 0, 1, 2
_EMPTY = 0


@njit("int64(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _place(table, key):
    """Where the key stands, else the empty place where it would."""
    last = len(table) - 1
    at = key & last
    while table[at] != _EMPTY and table[at] != key:
        at = (at + 1) & last
    return at


@njit("void(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _remove(table, key):
    """Empty the key's place, and move up what would not be found behind it."""
    last = len(table) - 1
    hole = _place(table, key)
    at = hole
    while table[at] != _EMPTY:
        at = (at + 1) & last
        home = table[at] & last
        if table[at] != _EMPTY and ((at - home) & last) >= ((at - hole) & last):
            table[hole] = table[at]
            hole = at
    table[hole] = _EMPTY


@njit("boolean(int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def _known(address, places, key):
    table = word_array(address, places)
    return table[_place(table, key)] == key


@njit("void(int64[::1], int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _add(words, table, key):
    """Note a key; the oldest is forgotten where there is no room."""
    at = _place(table, key)
    if table[at] == key:
        return
    most = len(words) - _ORDER
    if words[_COUNT] == most:
        oldest = _ORDER + words[_OLDEST]
        _remove(table, words[oldest])
        words[oldest] = key
        words[_OLDEST] = (words[_OLDEST] + 1) % most
        at = _place(table, key)
    else:
        words[_ORDER + words[_COUNT]] = key
        words[_COUNT] += 1
    table[at] = key


class SeenRequestIds:
    """The newest `most` pairs (session, QuoteReqID) that were added. One thread at a time."""

    def __init__(self, most: int = REMEMBERED_REQUESTS) -> None:
        self._words = np.zeros(_ORDER + most, np.int64)
        self._table = np.zeros(1 << (2 * most).bit_length(), np.int64)  # never more than half full
        for array in (self._words, self._table):
            array.fill(_EMPTY)  # so that the memory is taken now
        self._address = address_of(self._table, np.int64, "table"), len(self._table)

    def __len__(self) -> int:
        return int(self._words[_COUNT])

    def __contains__(self, key: tuple[str, str]) -> bool:
        return bool(_known(*self._address, hash(key) or 1))

    def add(self, key: tuple[str, str]) -> None:
        _add(self._words, self._table, hash(key) or 1)
