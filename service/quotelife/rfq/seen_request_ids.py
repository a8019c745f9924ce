"""The QuoteReqIDs that were used before: all that have a quote in memory, and the newest of the others.

A set of strings would grow for hours until it is full. This holds 64-bit hashes, in memory that grows with the quotes
in memory alone. The hash is SipHash-1-3 with a new key for each session and process, so a client cannot construct
collisions; among 200,000 ids a new one collides with a probability of 10^-14.

    words    where the table is, how many keys it holds | number of hashes in order, position of the oldest | the hashes
             of which no quote is in memory, in the order in which their last one was dropped
    table    row KEYS: the hashes of all, open addressing with linear probing, a free position holds _EMPTY; row COUNTS:
             how often each is held

Kernels read the table and add to it, see `quotelife.rfq.plain`.
"""

from typing import Any

import numpy as np
from numba import njit

from quotelife.market.book.orders import word_at
from quotelife.shm.arrays import address_of, byte_array, word_array, word_array2

MAX_REMEMBERED = 200_000  # of all sessions, without a quote in memory; older QuoteReqIDs may be used again
(
    SEEN_TABLE,  # address
    SEEN_TABLE_SIZE,
    SEEN_HELD,  # keys in the table
    _COUNT,
    _OLDEST,
    _ORDER,
) = range(6)
KEYS, COUNTS = 0, 1
_EMPTY = 0
_MAX_ID_BYTES = 256  # of the 64 characters that a QuoteReqID may have

_A, _B = np.uint64(0x736F6D6570736575), np.uint64(0x646F72616E646F6D)
_C, _D = np.uint64(0x6C7967656E657261), np.uint64(0x7465646279746573)
_LAST_BYTE, _FINAL = np.uint64(56), np.uint64(0xFF)


@njit("uint64(uint64, int64)", cache=True, nogil=True, _nrt=False, forceinline=True)
def _rotated(x, bits):
    return (x << np.uint64(bits)) | (x >> np.uint64(64 - bits))


@njit("UniTuple(uint64, 4)(uint64, uint64, uint64, uint64)", cache=True, nogil=True, _nrt=False, forceinline=True)
def _round(a, b, c, d):
    a += b
    c += d
    b = _rotated(b, 13) ^ a
    d = _rotated(d, 16) ^ c
    a = _rotated(a, 32)
    c += b
    a += d
    b = _rotated(b, 17) ^ c
    d = _rotated(d, 21) ^ a
    return a, b, _rotated(c, 32), d


@njit("int64(uint8[::1], int64, int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def request_key(buf, start, end, key0, key1):
    """SipHash-1-3 of the QuoteReqID in `buf[start:end]` under a session's key; never 0 (Aumasson, Bernstein 2012)."""
    k0, k1 = np.uint64(key0), np.uint64(key1)
    a, b, c, d = k0 ^ _A, k1 ^ _B, k0 ^ _C, k1 ^ _D
    at = start
    while end - at >= 8:
        word = word_at(buf, at)
        a, b, c, d = _round(a, b, c, d ^ word)
        a ^= word
        at += 8
    word = np.uint64(end - start) << _LAST_BYTE
    for i in range(at, end):
        word |= np.uint64(buf[i]) << np.uint64(8 * (i - at))
    a, b, c, d = _round(a, b, c, d ^ word)
    a ^= word
    c ^= _FINAL
    for _ in range(3):
        a, b, c, d = _round(a, b, c, d)
    key = np.int64(a ^ b ^ c ^ d)
    return key if key != _EMPTY else 1


@njit("int64(int64, int64, int64, int64)", cache=True, nogil=True, _nrt=False)
def _key_of(address, length, key0, key1):
    return request_key(byte_array(address, length), 0, length, key0, key1)


@njit("int64(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _position(keys, key):
    """Position of the key, or the free position at which it would be inserted."""
    last = len(keys) - 1
    at = key & last
    while keys[at] != _EMPTY and keys[at] != key:
        at = (at + 1) & last
    return at


@njit("void(int64[:,::1], int64)", cache=True, nogil=True, _nrt=False)
def _remove(table, key):
    """Free the key's position, and move up the keys behind it that would not be found any more."""
    keys, counts = table[KEYS], table[COUNTS]
    last = len(keys) - 1
    hole = _position(keys, key)
    at = hole
    while keys[at] != _EMPTY:
        at = (at + 1) & last
        home = keys[at] & last
        if keys[at] != _EMPTY and ((at - home) & last) >= ((at - hole) & last):
            keys[hole], counts[hole] = keys[at], counts[at]
            hole = at
    keys[hole] = _EMPTY


@njit("boolean(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def is_seen(words, key):
    """Whether a key is held; `words` are those of a `SeenRequestIds`."""
    keys = word_array(words[SEEN_TABLE], words[SEEN_TABLE_SIZE])
    return keys[_position(keys, key)] == key


@njit("boolean(int64[::1])", cache=True, nogil=True, _nrt=False)
def has_room(words):
    """Whether the table can hold another key: it is never more than half full."""
    return 2 * words[SEEN_HELD] < words[SEEN_TABLE_SIZE]


@njit("void(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def hold(words, key):
    """Hold a key once more. The table must have room."""
    table = word_array2(words[SEEN_TABLE], 2, words[SEEN_TABLE_SIZE])
    at = _position(table[KEYS], key)
    if table[KEYS, at] == key:
        table[COUNTS, at] += 1
        return
    table[KEYS, at], table[COUNTS, at] = key, 1
    words[SEEN_HELD] += 1


@njit("void(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _release(words, key):
    table = word_array2(words[SEEN_TABLE], 2, words[SEEN_TABLE_SIZE])
    at = _position(table[KEYS], key)
    if table[KEYS, at] != key:
        return
    table[COUNTS, at] -= 1
    if table[COUNTS, at] == 0:
        _remove(table, key)
        words[SEEN_HELD] -= 1


@njit("void(int64[::1], int64)", cache=True, nogil=True, _nrt=False)
def _put_in_order(words, key):
    """The key is the newest without a quote in memory; where the memory is full, the oldest is forgotten."""
    capacity = len(words) - _ORDER
    if words[_COUNT] < capacity:
        words[_ORDER + words[_COUNT]] = key
        words[_COUNT] += 1
        return
    oldest = _ORDER + words[_OLDEST]
    _release(words, words[oldest])
    words[oldest] = key
    words[_OLDEST] = (words[_OLDEST] + 1) % capacity


@njit("void(int64[:,::1], int64[:,::1])", cache=True, nogil=True, _nrt=False)
def _copy(old, new):
    for i in range(old.shape[1]):
        key = old[KEYS, i]
        if key != _EMPTY:
            at = _position(new[KEYS], key)
            new[KEYS, at], new[COUNTS, at] = key, old[COUNTS, i]


class SeenRequestIds:
    """Pairs (session, QuoteReqID): those of quotes in memory, and the newest `capacity` others. `words` is what kernels
    need to know. One thread at a time."""

    def __init__(self, capacity: int = MAX_REMEMBERED) -> None:
        self.words = np.zeros(_ORDER + capacity, np.int64)
        self.words.fill(_EMPTY)  # touches the memory now
        self._keys: dict[str, tuple[int, int]] = {}
        self._id = np.zeros(_MAX_ID_BYTES, np.uint8)
        self._id_memory, self._id_address = self._id.data, address_of(self._id, np.uint8, "id")
        self._use(np.zeros((2, 1 << (2 * capacity).bit_length()), np.int64))

    def _use(self, table: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        table.fill(_EMPTY)
        self._table = table
        self.words[SEEN_TABLE], self.words[SEEN_TABLE_SIZE] = address_of(table, np.int64, "table"), table.shape[1]

    def __len__(self) -> int:
        """Number of ids without a quote in memory."""
        return int(self.words[_COUNT])

    def __contains__(self, key: tuple[str, str]) -> bool:
        return bool(is_seen(self.words, self._hash(key)))

    def key_of_session(self, session: str) -> tuple[int, int]:
        """The key of the hashes of a session's ids."""
        key = self._keys.get(session)
        if key is None:
            key = self._keys[session] = hash((session, 0)), hash((session, 1))  # Python's are keyed too
        return key

    def hold(self, key: tuple[str, str]) -> None:
        """A request has got quotes, which are in memory until `drop`."""
        if not has_room(self.words):
            self.grow()
        hold(self.words, self._hash(key))

    def drop(self, key: tuple[str, str]) -> None:
        """The last quote of a request has been dropped from memory."""
        _put_in_order(self.words, self._hash(key))

    def add(self, key: tuple[str, str]) -> None:
        """An id whose quotes were dropped in an earlier run. One that is known stays where it is in the order."""
        if key not in self:
            self.hold(key)
            self.drop(key)

    def grow(self) -> None:
        """Double the table."""
        old = self._table
        self._use(np.zeros((2, 2 * old.shape[1]), np.int64))
        _copy(old, self._table)

    def _hash(self, key: tuple[str, str]) -> int:
        session, quote_req_id = key
        raw = quote_req_id.encode("utf-8", "surrogatepass")[:_MAX_ID_BYTES]
        self._id_memory[: len(raw)] = raw
        return int(_key_of(self._id_address, len(raw), *self.key_of_session(session)))
