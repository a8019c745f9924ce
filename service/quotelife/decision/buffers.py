"""Memory of one decision, and the addresses of all that it takes, for the kernel that decides.

    inputs   int64[INPUT_WORDS]   addresses, and the lengths that are not fixed

What seldom changes is bound: the board and the parameters once, what is agreed with a client for an instrument when
another one asks. The arrays that are bound are kept.
"""

import struct

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.decision import kernel as K
from quotelife.journal.ring import Record
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.shm.arrays import address_of
from quotelife.shm.layout import WORD_BYTES
from quotelife_models import decide as D

_AGREED = struct.Struct("=4q")  # IN_TERMS .. IN_CLIENT
_AT_AGREED = K.IN_TERMS * WORD_BYTES


class Agreed(Struct, frozen=True):
    """What is agreed with one client for one instrument: terms float64[TERM_WORDS], rules as of `compile_rules`, the
    client's context float64[N_CONTEXT], and their addresses."""

    terms: NDArray[np.float64]
    rules: NDArray[np.float64]
    context: NDArray[np.float64]
    addresses: tuple[int, int, int, int]

    @classmethod
    def of(cls, terms: NDArray[np.float64], rules: NDArray[np.float64], context: NDArray[np.float64]) -> "Agreed":
        at_terms, at_rules = address_of(terms, np.float64, "terms"), address_of(rules, np.float64, "rules")
        at_context = address_of(context, np.float64, "context")
        return cls(terms, rules, context, (at_terms, at_rules, len(rules), at_context))


class Scratch:
    """Memory of one decision; one per thread that decides. `record` holds the last decision in full."""

    def __init__(self) -> None:
        self.ask = np.zeros(K.ASK_WORDS, np.int64)
        self.ask_memory = self.ask.data
        self.snap = np.zeros(L.SNAP_WORDS, np.int64)
        self.record = Record()
        self.inputs = np.zeros(K.INPUT_WORDS, np.int64)
        self.work = np.zeros(D.OUT_WORDS + D.N_BOUNDS)
        self._memory = self.inputs.data.cast("B")
        self._address = address_of(self.inputs, np.int64, "inputs")
        self._board: Board | None = None
        self._table: NDArray[np.float64] | None = None
        self._policies: NDArray[np.float64] | None = None
        self._agreed: Agreed | None = None
        self.inputs[K.IN_ASK] = address_of(self.ask, np.int64, "ask")
        self.inputs[K.IN_SNAP] = address_of(self.snap, np.int64, "snap")
        self.inputs[K.IN_RECORD] = address_of(self.record.words, np.int64, "record")
        self.inputs[K.IN_WORK] = address_of(self.work, np.float64, "work")

    def bind(self, board: Board, table: NDArray[np.float64], policies: NDArray[np.float64], agreed: Agreed) -> int:
        """The address of the inputs of a decision from this board, with these parameters and policies."""
        if self._board is not board or self._table is not table or self._policies is not policies:
            self._bind_all(board, table, policies)
        if self._agreed is not agreed:
            self._agreed = agreed
            _AGREED.pack_into(self._memory, _AT_AGREED, *agreed.addresses)
        return self._address

    def _bind_all(self, board: Board, table: NDArray[np.float64], policies: NDArray[np.float64]) -> None:
        self._board, self._table, self._policies = board, table, policies
        inputs = self.inputs
        inputs[K.IN_HEADER] = address_of(board.header, np.int64, "header")
        inputs[K.IN_VENUES] = address_of(board.venues, np.int64, "venues")
        inputs[K.IN_ROWS], inputs[K.IN_N_ROWS] = address_of(board.rows, np.int64, "rows"), len(board.rows)
        inputs[K.IN_TABLE], inputs[K.IN_N_TABLE] = address_of(table, np.float64, "table"), len(table)
        inputs[K.IN_POLICIES] = address_of(policies, np.float64, "policies")
