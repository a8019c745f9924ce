"""Oracle of the capture: the features of past decisions from its events alone, bit for bit those of the service.

The journal record of a decision has the versions of the three board rows that it read: its own, that of the correlated
instrument and that of the volatility index (BOARD_VERSION and the words after it). The events are applied again, and
each row is read at that version, so that the result does not depend on the relative speed of the processes.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from quotelife.market.board import layout as B
from quotelife.market.board.board import Board
from quotelife.market.book.levels import LEVELS, Books
from quotelife.market.capture import layout as L
from quotelife.market.capture.apply import apply
from quotelife.market.features.evaluate import correlated_moves, evaluate, volatility_index
from quotelife.shm.region import Words
from quotelife_models import schema as S

_OWN, _CORRELATED, _INDEX = range(3)
_OF_OTHER_ROWS = (
    S.CORRELATED_VELOCITY,
    S.CORRELATED_RETURN_5S,
    S.VOLATILITY_INDEX,
    S.VOLATILITY_INDEX_CHANGE,
)
_ROW, _VERSION, _NOW, _OF, _WHAT = range(5)  # columns of `wanted`


class Moments(NamedTuple):
    """Decisions as arrays of one length: board row, monotonic time, row versions (0: no such row)."""

    row: Words
    now_ns: Words
    version: Words
    correlated_version: Words
    index_version: Words


@njit("void(int64[:,::1], int64[::1], int64[::1], int64, float64[:,::1], int64[::1])", cache=True, nogil=True)
def _evaluate(rows, wanted, snap, status, x, found):
    """Write the features that are wanted of a row into x; `status` is that of the row itself."""
    i, row, now_ns = wanted[_OF], wanted[_ROW], wanted[_NOW]
    if wanted[_WHAT] == _CORRELATED:
        correlated_moves(rows, row, now_ns, x[i], snap)
    elif wanted[_WHAT] == _INDEX:
        volatility_index(rows, row, now_ns, x[i], snap)
    elif status == B.STATUS_OK:
        own = x[x.shape[0] - 1]
        for f in range(S.N_FEATURES):
            if f not in _OF_OTHER_ROWS:
                x[i, f] = own[f]
    else:
        return
    found[i] += 1


@njit(
    "void(int64[:,::1], int64[::1], int64[:,::1], int64[:,::1], int64[:,:,::1], int64[:,:,::1], int64[:,:,::1], "
    "int64[:,::1], int64[::1], int64[:,::1], int64[::1], float64[:,::1], int64[::1], int64[::1])",
    cache=True,
    nogil=True,
)
def _replay(events, header, venues, rows, px, sz, cnt, n, known, wanted, first, x, snap, found):
    """Apply the events and evaluate each row at the `wanted` versions, sorted by row and version: row r has those from
    first[r] to first[r+1]."""
    at = first.copy()
    for i in range(events.shape[0]):
        apply(events[i : i + 1], rows, px, sz, cnt, n, known)
        row = events[i, L.KIND_WORD] >> L.ROW_SHIFT
        while at[row] < first[row + 1] and wanted[at[row], _VERSION] <= rows[row, B.VERSION]:
            w = wanted[at[row]]
            at[row] += 1
            if w[_VERSION] != rows[row, B.VERSION]:
                continue  # the capture has no event of that version
            status = B.STATUS_OK
            if w[_WHAT] == _OWN:
                header[B.H_HEARTBEAT_NS] = w[_NOW]
                venues[rows[row, B.VENUE], B.V_LAST_RECEIVED_NS] = w[_NOW]
                status = evaluate(header, venues, rows, row, w[_NOW], x[x.shape[0] - 1], snap)
            _evaluate(rows, w, snap, status, x, found)


def features_at(events: Words, board: Board, moments: Moments) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """(x float64[k, N_FEATURES], found bool[k]) of k decisions during one run of the market-data process.

    `events` are those of the run in order, of all rows read; `board` has the run's rows after `initialise_row`.
    Features of a row that a decision did not read are 0.
    """
    board.venues[:, B.V_STATE] = B.VENUE_UP
    k = len(moments.row)
    wanted = _wanted(board, moments)
    first = np.searchsorted(wanted[:, _ROW], np.arange(len(board.rows) + 1))
    books, known = Books(len(board.rows), LEVELS), np.zeros(len(board.rows), np.int64)
    x, found = np.zeros((k + 1, S.N_FEATURES)), np.zeros(k, np.int64)
    _replay(
        *(events, board.header, board.venues, board.rows, books.px, books.sz, books.cnt, books.n, known),
        *(wanted, first, x, np.zeros(B.SNAP_WORDS, np.int64), found),
    )
    return x[:k], found == np.bincount(wanted[:, _OF], minlength=k)


def _wanted(board: Board, moments: Moments) -> Words:
    """The reads, int64[:, 5], sorted by row and version."""
    parts = []
    of = np.arange(len(moments.row))
    versions = moments.version, moments.correlated_version, moments.index_version
    others = None, B.CORRELATED, B.VOLATILITY_INDEX_ROW
    for what, (version, other) in enumerate(zip(versions, others, strict=True)):
        row = moments.row if other is None else board.rows[moments.row, other]
        mine = np.stack((row, version, moments.now_ns, of, np.full(len(of), what)), axis=1)
        parts.append(mine[(version > 0) & (row >= 0)])
    wanted = np.concatenate(parts)
    return np.ascontiguousarray(wanted[np.lexsort((wanted[:, _VERSION], wanted[:, _ROW]))])
