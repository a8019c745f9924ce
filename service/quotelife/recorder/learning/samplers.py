"""Samples of moments to be labelled: of the market at a fixed interval, and of decisions from the journal.

The market is sampled independently of requests: a quiet desk has few of them, and clients that ask when the market
moves would bias the level.
"""

import numpy as np
from numpy.typing import NDArray

from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.market.features.evaluate import evaluate
from quotelife.recorder.learning.kernel import N_EVENTS, ONE_TICK, OTHER, PICK_OFF
from quotelife.recorder.learning.label_queue import Moment
from quotelife.runtime.clock import NS_PER_MS
from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import schema as S

Floats = NDArray[np.float64]
NEWS = 0.05  # from this decayed sentiment on, the desk's policy shifts the odds, not the fit
DECISION_EVERY_NS = 250 * NS_PER_MS  # of one instrument
_OFFER, _BID = 0, 1


class MarketSampler:
    """Samples each instrument every `sample_ms`, one after the other."""

    def __init__(self, rows: list[int], sample_ms: float) -> None:
        self._every_ns = int(sample_ms * NS_PER_MS)
        self._due_ns = {row: n * self._every_ns // max(len(rows), 1) for n, row in enumerate(rows)}
        self._rng = np.random.default_rng(0)
        self._snap = np.zeros(L.SNAP_WORDS, np.int64)
        self.skipped_in_news = 0  # the caller resets it

    def sample(self, board: Board, now_ns: int) -> list[tuple[int, Moment]]:
        """(row, moment) of every instrument that is due and has a valid book."""
        moments = []
        for row, due_ns in self._due_ns.items():
            if due_ns > now_ns:
                continue
            late = (now_ns - due_ns) // self._every_ns
            self._due_ns[row] = due_ns + (late + 1) * self._every_ns
            x = np.zeros(S.N_FEATURES)
            status = evaluate(board.header, board.venues, board.rows, row, now_ns, x, self._snap)
            if status != L.STATUS_OK:
                continue
            if abs(x[S.NEWS_SENTIMENT]) >= NEWS:
                self.skipped_in_news += 1
                continue
            bid, ask = int(self._snap[L.SNAP_BID_PX]), int(self._snap[L.SNAP_ASK_PX])
            moments.append((row, Moment(now_ns, bid, ask, self._barriers(x[S.SPREAD]), x)))
        return moments

    def _barriers(self, spread: float) -> Floats:
        """One tick, the touch, a quote at the best price, and a random one: the barriers that fits learn from."""
        barriers = np.ones((2, N_EVENTS))
        barriers[:, PICK_OFF] = spread
        barriers[:, OTHER] = np.floor(np.exp(self._rng.random(2) * np.log(3.0 * spread + 10.0)))
        return barriers


class DecisionSampler:
    """Samples decisions from the journal, at most one per `DECISION_EVERY_NS` and instrument."""

    def __init__(self, n_rows: int) -> None:
        self._sampled_ns = [0] * n_rows
        self.skipped = 0  # the caller resets it

    def sample(self, record: Record) -> tuple[int, Moment] | None:
        """(row, moment) of a quote or reject of one instrument that a model has decided; else None."""
        row, moment_ns = record.row, record.mono_ns
        if record.kind not in (J.KIND_QUOTE, J.KIND_REJECT) or record.model < 0:
            return None
        if not 0 <= row < len(self._sampled_ns):
            return None  # a multileg has no book
        if moment_ns - self._sampled_ns[row] < DECISION_EVERY_NS:
            self.skipped += 1
            return None
        self._sampled_ns[row] = moment_ns
        spread = int(record.features[S.SPREAD])
        barriers, predicted = np.zeros((2, N_EVENTS)), np.full((2, N_EVENTS), np.nan)
        bid = ask = 0
        for side, at in ((_BID, 0), (_OFFER, 1)):  # a record has the bid first
            context, decision = record.contexts[at], record.decisions[at]
            if context[S.SIDE] == 0.0:
                continue
            distance = round(context[S.PICK_OFF_BARRIER])
            bid = record.offer_ticks - distance if side == _OFFER else record.bid_ticks + distance - spread
            ask = bid + spread
            for event, barrier, curve in (
                (ONE_TICK, 1.0, D.OUT_CURVE_ONE_TICK),
                (PICK_OFF, float(distance), D.OUT_CURVE_PICK_OFF),
            ):
                barriers[side, event] = barrier
                predicted[side, event] = decision[curve + H.REFERENCE_BIN]
        return row, Moment(moment_ns, bid, ask, barriers, None, predicted)
