"""Increments that arrive before their book's snapshot, for a venue whose RptSeq (83) says which of them follow it.

The decoder stops after each such X, and after each W while some are kept. Once a book is live, what was kept for it is
decoded again: what the snapshot has is outdated by its RptSeq, the rest is applied. An X is kept for one instrument.
"""

from collections import deque

import numpy as np

from quotelife.config.venues.venue_profile import VenueProfile
from quotelife.fix import tags
from quotelife.fix.events import ApplicationMessage
from quotelife.fix.fields import as_int
from quotelife.fix.session import EXPECTED
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import decode
from quotelife.marketdata.decoder_state import DecoderState, addresses_of
from quotelife.marketdata.venue_instruments import VenueInstruments

MAX_KEPT = 100_000  # messages of a session; what is missing then is a gap of RptSeq, and the book is asked for anew
_SEQ_NUM = b"\x0134="
# Words that decoding again must not change.
_KEPT_WORDS = (M.START, M.END, M.MESSAGES, M.SENT_START, M.SENT_END, M.QUICKEST_NS, M.QUICKEST_AT_NS, M.LATE_NS)


class EarlyIncrements:
    """What is kept for the books of one session. Without the profile's key nothing is."""

    def __init__(self, profile: VenueProfile, state: DecoderState, instruments: VenueInstruments) -> None:
        self._instruments = instruments
        self._words = state.instruments
        self._control = state.control
        self._control[M.KEEP_EARLY] = profile.subscription.early_increments == "queued"
        # By row, in the order of arrival: an X, or the RptSeq of a status.
        self._kept: dict[int, deque[bytes | int]] = {}
        self._requests: dict[int, int] = {}  # MDReqID that they belong to

    def clear(self) -> None:
        """The session has ended."""
        self._kept.clear()
        self._control[M.KEPT] = self._control[M.EARLY_ROW] = 0

    def on_message(self, state: DecoderState, now_ns: int) -> None:
        """The decoder has stopped at an X to keep, or at a W."""
        control = self._control
        row = int(control[M.EARLY_ROW]) - 1
        control[M.EARLY_ROW] = 0
        if row >= 0:
            self._keep(row, state.buf[control[M.MESSAGE_START] : control[M.MESSAGE_END]].tobytes())
            return
        for row in [row for row in self._kept if self._words[row, M.I_SYNC] == M.SYNC_LIVE]:
            self._replay(row, state, now_ns)

    def on_status(self, message: ApplicationMessage) -> None:
        """A status of an instrument may have a number in the sequence of its increments."""
        seq = as_int(message.get(tags.RptSeq))
        if message.msg_type != tags.SECURITY_STATUS or seq is None:
            return
        row = self._instruments.row_of(message.get(tags.Symbol), message.get(tags.SecurityID))
        sync = self._words[row, M.I_SYNC] if row >= 0 else M.SYNC_NONE
        if sync == M.SYNC_LIVE:
            self._count(row, seq)
        elif sync != M.SYNC_NONE and self._control[M.KEEP_EARLY]:
            self._keep(row, seq)

    def _count(self, row: int, seq: int) -> None:
        if 0 <= self._words[row, M.I_RPT_SEQ] == seq - 1:
            self._words[row, M.I_RPT_SEQ] = seq

    def _keep(self, row: int, message: bytes | int) -> None:
        request = int(self._words[row, M.I_REQUEST])
        if self._requests.get(row) != request and row in self._kept:
            self._control[M.KEPT] -= len(self._kept.pop(row))
        self._requests[row] = request
        if self._control[M.KEPT] < MAX_KEPT:
            self._kept.setdefault(row, deque()).append(message)
            self._control[M.KEPT] += 1

    def _replay(self, row: int, state: DecoderState, now_ns: int) -> None:
        """Apply what was kept for `row` to its book, and to no other one."""
        kept = self._kept.pop(row)
        control, rows = self._control, self._instruments.rows
        control[M.KEPT] -= len(kept)
        sync = self._words[rows, M.I_SYNC]
        words, expected = control[list(_KEPT_WORDS)], int(state.sequence[EXPECTED])
        self._words[rows[rows != row], M.I_SYNC] = M.SYNC_NONE
        for message in kept:
            if isinstance(message, int):
                self._count(row, message)
            else:
                self._decode(message, state, now_ns)
        found = int(self._words[row, M.I_SYNC])
        self._words[rows, M.I_SYNC] = sync
        self._words[row, M.I_SYNC] = found
        control[list(_KEPT_WORDS)] = words
        state.sequence[EXPECTED] = expected

    def _decode(self, message: bytes, state: DecoderState, now_ns: int) -> None:
        again = state._replace(buf=np.frombuffer(message, np.uint8).copy())
        self._control[M.START], self._control[M.END] = 0, len(message)
        start = message.index(_SEQ_NUM) + len(_SEQ_NUM)
        state.sequence[EXPECTED] = int(message[start : message.index(b"\x01", start)])
        state.scratch[M.S_SYMBOL_HINT] = state.scratch[M.S_NEXT_ROW] = 0
        decode(addresses_of(again), now_ns)
        state.scratch[M.S_SYMBOL_HINT] = state.scratch[M.S_NEXT_ROW] = 0
