"""Everything a venue's decoder reads and writes, in one bundle.

The kernel takes one array of addresses and makes its arrays of them. Arrays made so carry no reference count; handed
over from Python one by one they cost 2.4 us a call, and the counting more than half of the decoder's time.
"""

from typing import Any, NamedTuple, cast

import numpy as np
from numba import carray, njit, types

from service.board.addresses import address_of, bytes_at, words_at
from service.board.board import Board
from service.book.levels import LEVELS, Books
from service.book.orders import Orders
from service.capture.ring import Ring
from service.fix.framer import FRAME_WORDS
from service.fix.session import SEQUENCE_WORDS
from service.marketdata import layout as M
from service.marketdata.symbols import SymbolTable

Array = np.ndarray[Any, np.dtype[np.int64]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]


class Tables(NamedTuple):
    """Arrays of one venue session; those marked * are shared by all sessions of the process."""

    buf: Bytes  # bytes received
    control: Array  # see service.marketdata.layout
    sequence: Array  # shared with the session, see service.fix.session
    frame: Array  # see service.fix.framer
    scratch: Array
    touched: Array
    instruments: Array  # *
    symbols: Array  # see service.marketdata.symbols
    names: Bytes
    rows: Array  # * of the board
    px: Array  # * the books
    sz: Array  # *
    cnt: Array  # *
    n: Array  # *
    orders: Array  # resting orders, see service.book.orders
    orders_state: Array


_BYTE_FIELDS = ("buf", "names")
_ANY = 1 << 40  # words: more than any ring has
_WORDS = 4  # per array in the address list: address, then the shape

_I1 = types.Array(types.int64, 1, "C")
_I2 = types.Array(types.int64, 2, "C")
_I3 = types.Array(types.int64, 3, "C")
BYTES = types.Array(types.uint8, 1, "C")
TABLES = types.NamedTuple((BYTES, _I1, _I1, _I1, _I1, _I2, _I2, _I2, BYTES, _I2, _I3, _I3, _I3, _I2, _I2, _I1), Tables)
ADDRESSES = _I1


class Shared:
    """The part of the tables that all venue sessions of the process have in common."""

    def __init__(self, board: Board, capture: Ring | None = None, levels: int = LEVELS) -> None:
        rows = len(board.rows)
        self.board = board
        self.capture = capture or Ring.private(rows)
        self.books = Books(rows, levels)
        self.instruments = np.zeros((rows, M.I_WORDS), np.int64)


def make_tables(shared: Shared, symbols: SymbolTable, orders: Orders, by_order: bool, buffer_bytes: int) -> Tables:
    """Tables of a venue session whose symbols are `symbols`; the longest message is half the buffer."""
    control = np.zeros(M.CONTROL_WORDS, np.int64)
    control[M.LIMIT] = buffer_bytes // 2
    control[M.BY_ORDER] = by_order
    control[M.CAPTURE] = address_of(shared.capture.words, np.int64, "capture")
    books = shared.books
    return Tables(
        buf=np.zeros(buffer_bytes, np.uint8),
        control=control,
        sequence=np.zeros(SEQUENCE_WORDS, np.int64),
        frame=np.zeros(FRAME_WORDS, np.int64),
        scratch=np.zeros(M.SCRATCH_WORDS, np.int64),
        touched=np.zeros((M.MAX_TOUCHED, M.T_WORDS), np.int64),
        instruments=shared.instruments,
        symbols=symbols.table,
        names=symbols.names,
        rows=shared.board.rows,
        px=books.px,
        sz=books.sz,
        cnt=books.cnt,
        n=books.n,
        orders=orders.table,
        orders_state=orders.state,
    )


def addresses(tables: Tables) -> Array:
    """int64[16 * 4]: where the arrays are. `tables` must outlive it. ValueError for an array that is not contiguous."""
    found = np.zeros(len(tables) * _WORDS, np.int64)
    for at, array in enumerate(cast(tuple[Array, ...], tables)):
        name = Tables._fields[at]
        found[at * _WORDS] = address_of(array, np.uint8 if name in _BYTE_FIELDS else np.int64, name)
        found[at * _WORDS + 1 : at * _WORDS + 1 + array.ndim] = array.shape
    return found


@njit(BYTES(ADDRESSES, types.int64), cache=True, nogil=True)
def _bytes(a, at):
    return carray(bytes_at(a[4 * at]), (a[4 * at + 1],))


@njit(_I1(ADDRESSES, types.int64), cache=True, nogil=True)
def _array1(a, at):
    return carray(words_at(a[4 * at]), (a[4 * at + 1],))


@njit(_I2(ADDRESSES, types.int64), cache=True, nogil=True)
def _array2(a, at):
    return carray(words_at(a[4 * at]), (a[4 * at + 1], a[4 * at + 2]))


@njit(_I3(ADDRESSES, types.int64), cache=True, nogil=True)
def _array3(a, at):
    return carray(words_at(a[4 * at]), (a[4 * at + 1], a[4 * at + 2], a[4 * at + 3]))


@njit(TABLES(ADDRESSES), cache=True, nogil=True)
def tables_at(a):
    """The tables behind `addresses`, inside a kernel."""
    return Tables(
        _bytes(a, 0),
        _array1(a, 1),
        _array1(a, 2),
        _array1(a, 3),
        _array1(a, 4),
        _array2(a, 5),
        _array2(a, 6),
        _array2(a, 7),
        _bytes(a, 8),
        _array2(a, 9),
        _array3(a, 10),
        _array3(a, 11),
        _array3(a, 12),
        _array2(a, 13),
        _array2(a, 14),
        _array1(a, 15),
    )


@njit(_I1(TABLES), cache=True, nogil=True, forceinline=True)
def ring_of(t):
    """The capture ring, int64[...], see `service.capture.layout`. It is not one of the tables: each of them is handed
    to every kernel, and costs."""
    return carray(words_at(t.control[M.CAPTURE]), (_ANY,))
