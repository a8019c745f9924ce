"""Memory of one decision, and the addresses of everything that the deciding kernel reads and writes.

    inputs   int64[INPUT_WORDS]   addresses, and the lengths that are not fixed; laid out in `kernel`

Addresses that seldom change are written once: those of the board and the parameters when one of them is replaced,
those of a client's terms when another client or instrument asks. The arrays behind them are referenced from here, so
that they outlive the kernel call.
"""

import struct

import numpy as np
from numpy.typing import NDArray

from quotelife.decision import kernel as K
from quotelife.decision.client_terms import ClientTerms, MultilegTerms
from quotelife.journal.record import Record
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.shm.arrays import address_of
from quotelife.shm.layout import WORD_BYTES
from quotelife_models import decide as D

_TERMS = struct.Struct("=4q")  # IN_TERMS .. IN_CLIENT
_TERMS_AT = K.IN_TERMS * WORD_BYTES


class DecisionBuffers:
    """Memory of one decision; one for each thread that decides.

    `request` int64[REQUEST_WORDS] is the request as the kernels read it, `request_memory` its memory for struct; `snap`
    int64[SNAP_WORDS] receives the top of the book; `record` holds the last decision in full; `work` is workspace.
    """

    def __init__(self) -> None:
        self.request = np.zeros(K.REQUEST_WORDS, np.int64)
        self.request_memory = self.request.data
        self.snap = np.zeros(L.SNAP_WORDS, np.int64)
        self.record = Record()
        self.inputs = np.zeros(K.INPUT_WORDS, np.int64)
        self.work = np.zeros(D.OUT_WORDS + D.N_BOUNDS)
        self._memory = self.inputs.data.cast("B")
        self._address = address_of(self.inputs, np.int64, "inputs")
        self._board: Board | None = None
        self._table: NDArray[np.float64] | None = None
        self._policies: NDArray[np.float64] | None = None
        self._terms: ClientTerms | MultilegTerms | None = None
        self.inputs[K.IN_REQUEST] = address_of(self.request, np.int64, "request")
        self.inputs[K.IN_SNAP] = address_of(self.snap, np.int64, "snap")
        self.inputs[K.IN_RECORD] = address_of(self.record.words, np.int64, "record")
        self.inputs[K.IN_WORK] = address_of(self.work, np.float64, "work")

    def bind(
        self,
        board: Board,
        table: NDArray[np.float64],
        policies: NDArray[np.float64],
        terms: ClientTerms | MultilegTerms,
    ) -> int:
        """The address of the inputs of a decision from this board, with these parameters, policies and terms."""
        if self._board is not board or self._table is not table or self._policies is not policies:
            self._bind_all(board, table, policies)
        if self._terms is not terms:
            self._terms = terms
            _TERMS.pack_into(self._memory, _TERMS_AT, *terms.addresses)
        return self._address

    def _bind_all(self, board: Board, table: NDArray[np.float64], policies: NDArray[np.float64]) -> None:
        self._board, self._table, self._policies = board, table, policies
        inputs = self.inputs
        inputs[K.IN_HEADER] = address_of(board.header, np.int64, "header")
        inputs[K.IN_VENUES] = address_of(board.venues, np.int64, "venues")
        inputs[K.IN_ROWS], inputs[K.IN_N_ROWS] = address_of(board.rows, np.int64, "rows"), len(board.rows)
        inputs[K.IN_TABLE], inputs[K.IN_N_TABLE] = address_of(table, np.float64, "table"), len(table)
        inputs[K.IN_POLICIES] = address_of(policies, np.float64, "policies")
