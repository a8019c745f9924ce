"""The arrays that a venue's decoder reads and writes.

Kernels get one array of addresses and rebuild their arrays from it. Passing the arrays one by one costs 2.4 us a call
from Python, and 120 words between kernels that are not inlined. `quotelife.shm.arrays` explains why no references are
counted: that was two thirds of the decoder's time.
"""

from typing import Any, NamedTuple, cast

import numpy as np
from numba import njit, types

from quotelife.fix.framer import FRAME_WORDS
from quotelife.fix.session import SEQUENCE_WORDS
from quotelife.market.board.board import Board
from quotelife.market.book.levels import LEVELS, Books
from quotelife.market.book.orders import Orders
from quotelife.market.capture.ring import Ring
from quotelife.market.sources.sources import Sources
from quotelife.marketdata import layout as M
from quotelife.marketdata.dialect import Dialect, action_codes, field_slots, write_words
from quotelife.marketdata.symbol_table import SymbolTable
from quotelife.shm.arrays import address_of, byte_array, word_array, word_array2, word_array3

Array = np.ndarray[Any, np.dtype[np.int64]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]


class DecoderState(NamedTuple):
    """Arrays of one venue session; those marked * are shared by all sessions of the process."""

    buf: Bytes  # bytes received
    control: Array  # see quotelife.marketdata.layout
    sequence: Array  # shared with the session, see quotelife.fix.session
    frame: Array  # see quotelife.fix.framer
    scratch: Array
    touched: Array
    instruments: Array  # *
    symbols: Array  # see quotelife.marketdata.symbol_table
    names: Bytes
    rows: Array  # * of the board
    px: Array  # * the books
    sz: Array  # *
    cnt: Array  # *
    n: Array  # *
    ids: Array  # * hashes of MDEntryID beside px, 0 without one; of rows with I_HAS_IDS
    orders: Array  # resting orders, see quotelife.market.book.orders
    orders_state: Array
    ring: Array  # * the capture ring, header and events, see quotelife.market.capture.layout
    slots: Bytes  # see quotelife.marketdata.dialect
    more_slots: Array
    actions: Bytes
    others: Array  # the other names of instruments, as `symbols`: SecurityIDs if Symbol is the address
    other_names: Bytes
    session_rows: Array  # board rows of this session
    changes: Array
    staged: Array
    text: Bytes  # of a checksum
    digits: Array  # of the numbers in it


_BYTE_FIELDS = ("buf", "names", "slots", "actions", "other_names", "text")
SPARE_BYTES = 8  # behind the buffer: `decoding.fields.value_end` reads whole words
_WORDS = 4  # per array in the address list: address, then the shape

_I1 = types.Array(types.int64, 1, "C")
_I2 = types.Array(types.int64, 2, "C")
_I3 = types.Array(types.int64, 3, "C")
BYTES = types.Array(types.uint8, 1, "C")
DECODER_STATE = types.NamedTuple(
    (
        *(BYTES, _I1, _I1, _I1, _I1, _I2, _I2, _I2, BYTES, _I2, _I3, _I3, _I3, _I2, _I3, _I2, _I1, _I1),
        *(BYTES, _I2, BYTES, _I2, BYTES, _I1, _I2, _I3, BYTES, _I3),
    ),
    DecoderState,
)
ADDRESSES = _I1


class SharedArrays:
    """The part of the state that all venue sessions of the process share."""

    def __init__(self, board: Board, capture: Ring | None = None, levels: int = LEVELS) -> None:
        rows = len(board.all_rows)
        self.board = board
        self.capture = capture or Ring.private(rows)
        self.books = Books(rows, levels)
        self.sources = Sources(board, self.books, self.capture)
        self.instruments = np.zeros((rows, M.I_WORDS), np.int64)
        self.ids = np.zeros((rows, 2, levels), np.int64)

    def reset_instrument(self, row: int, tick: tuple[int, int], lot: tuple[int, int]) -> None:
        """An instrument that is not subscribed; tick and lot as unit and scale (`fix.fields`)."""
        self.instruments[row] = 0
        self.instruments[row, M.I_RPT_SEQ : M.I_LOT_SCALE + 1] = (-1, *tick, *lot)
        self.instruments[row, [M.I_PX_DECIMALS, M.I_SIZE_DECIMALS]] = -1


def make_decoder_state(
    shared: SharedArrays,
    symbols: SymbolTable,
    orders: Orders,
    dialect: Dialect,
    buffer_bytes: int,
    others: SymbolTable | None = None,
) -> DecoderState:
    """State of a venue session; a message is at most half the buffer.

    `symbols` are the values of the dialect's address field, `others` those of the other one: SecurityIDs (48) if
    Symbol (55) is the address, and the other way round.
    """
    others = others or SymbolTable({})
    session_rows = symbols.rows
    control = np.zeros(M.CONTROL_WORDS, np.int64)
    control[M.LIMIT] = buffer_bytes // 2
    control[M.N_INSTRUMENTS] = shared.sources.n_instruments
    control[M.SOURCE_STATE] = address_of(shared.sources.addresses, np.int64, "sources")
    write_words(control, dialect, bool(np.isin(session_rows, others.rows).all()) and len(others.rows) > 0)
    slots, more_slots = field_slots(dialect)
    books = shared.books
    return DecoderState(
        buf=np.zeros(buffer_bytes + SPARE_BYTES, np.uint8)[:buffer_bytes],
        control=control,
        sequence=np.zeros(SEQUENCE_WORDS, np.int64),
        frame=np.zeros(FRAME_WORDS, np.int64),
        scratch=np.zeros(M.SCRATCH_WORDS, np.int64),
        touched=np.zeros((len(shared.instruments) + 1, M.T_WORDS), np.int64),
        instruments=shared.instruments,
        symbols=symbols.table,
        names=symbols.names,
        rows=shared.board.all_rows,
        px=books.px,
        sz=books.sz,
        cnt=books.cnt,
        n=books.n,
        ids=shared.ids,
        orders=orders.table,
        orders_state=orders.state,
        ring=shared.capture.words,
        slots=slots,
        more_slots=more_slots,
        actions=action_codes(dialect),
        others=others.table,
        other_names=others.names,
        session_rows=session_rows,
        changes=np.zeros((M.MAX_CHANGES, M.CH_WORDS), np.int64),
        staged=np.zeros((2 * len(books.px) if dialect.stages else 1, books.px.shape[2], M.ST_WORDS), np.int64),
        text=np.zeros(M.TEXT_BYTES, np.uint8),
        digits=np.zeros((len(books.px) if control[M.CHECKSUM] else 1, M.TEXT_NUMBERS, M.DG_WORDS), np.int64),
    )


def addresses_of(state: DecoderState) -> Array:
    """int64[28 * 4]: address and shape of each array. `state` must outlive it. ValueError if one is not contiguous."""
    addresses = np.zeros(len(state) * _WORDS, np.int64)
    for at, array in enumerate(cast(tuple[Array, ...], state)):
        name = DecoderState._fields[at]
        addresses[at * _WORDS] = address_of(array, np.uint8 if name in _BYTE_FIELDS else np.int64, name)
        addresses[at * _WORDS + 1 : at * _WORDS + 1 + array.ndim] = array.shape
    return addresses


@njit(DECODER_STATE(ADDRESSES), cache=True, nogil=True, _nrt=False, forceinline=True)
def decoder_state_at(a):
    """Inside a kernel: the state of an array made by `addresses_of`."""
    return DecoderState(
        byte_array(a[0], a[1]),
        word_array(a[4], a[5]),
        word_array(a[8], a[9]),
        word_array(a[12], a[13]),
        word_array(a[16], a[17]),
        word_array2(a[20], a[21], a[22]),
        word_array2(a[24], a[25], a[26]),
        word_array2(a[28], a[29], a[30]),
        byte_array(a[32], a[33]),
        word_array2(a[36], a[37], a[38]),
        word_array3(a[40], a[41], a[42], a[43]),
        word_array3(a[44], a[45], a[46], a[47]),
        word_array3(a[48], a[49], a[50], a[51]),
        word_array2(a[52], a[53], a[54]),
        word_array3(a[56], a[57], a[58], a[59]),
        word_array2(a[60], a[61], a[62]),
        word_array(a[64], a[65]),
        word_array(a[68], a[69]),
        byte_array(a[72], a[73]),
        word_array2(a[76], a[77], a[78]),
        byte_array(a[80], a[81]),
        word_array2(a[84], a[85], a[86]),
        byte_array(a[88], a[89]),
        word_array(a[92], a[93]),
        word_array2(a[96], a[97], a[98]),
        word_array3(a[100], a[101], a[102], a[103]),
        byte_array(a[104], a[105]),
        word_array3(a[108], a[109], a[110], a[111]),
    )
