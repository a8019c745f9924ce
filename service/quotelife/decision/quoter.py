"""The decision on an instrument: (request, board, client, clock) -> a quote, or a refusal with its reason.

It reads the board and nothing else that changes: no engine, no clock, no state of a request. The same inputs give the
same quote, bit for bit, so the same code serves FIX, the API, replay and backtest.
"""

import struct
from pathlib import Path
from time import sleep

import msgspec
import numpy as np
from numpy.typing import NDArray

from quotelife.config import Config, ConfigError
from quotelife.controls.region import Controls
from quotelife.decision import kernel as K
from quotelife.decision import limits, pricing, refusal
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.client_state import ClientState
from quotelife.decision.client_terms import ClientTerms
from quotelife.decision.quote_decision import QuoteDecision, no_lifetime, read_result
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.decision.refusal import Refusal
from quotelife.decision.request import RelatedSymbol
from quotelife.journal import layout as J
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.parameters.table import build_table
from quotelife_models.enums import BUY, MARKET_CLOSED, MODELS, SELL
from quotelife_models.parameters import Parameters
from quotelife_models.policy import pack

REQUEST = struct.Struct(f"={K.REQUEST_WORDS}q")
BUSY_TRIES, BUSY_PAUSE_S = 16, 50e-6  # a pause takes about twice as long: 2 ms in all
Prices = tuple[int, int]  # bid and offer in ticks


class Quoter:
    """Decides on one instrument at a time.

    `board` is None until one has been attached; `table` float64[rows, N_PARAMETERS] holds the active parameters, one
    row for each row of the board; `policies` is float64[models, N_POLICY]; `instruments` are the quoted ones by symbol.
    """

    def __init__(self, config: Config, parameters: Parameters, provider: pricing.Provider) -> None:
        self.board: Board | None = None
        self.table = build_table(config, parameters)
        self.policies = np.stack([_policy(config, name) for name in MODELS])
        self.instruments = {
            instrument.symbol: QuotedInstrument.of(instrument, row)
            for row, instrument in enumerate(config.instrument)
            if instrument.quotable
        }
        self.config = config
        self.controls = Controls.none(len(config.instrument), len(config.client))
        self.provider = provider
        self._terms: dict[tuple[int, str], ClientTerms] = {}

    def quote(
        self,
        client: ClientState,
        related: RelatedSymbol,
        model: int,
        position_lots: int,
        wall_ns: int,
        mono_ns: int,
        buffers: DecisionBuffers,
        prices: Prices | None = None,
    ) -> QuoteDecision:
        """The quote for one related symbol.

        `model` is an index of an expiry model, or BY_RULES; `position_lots` is the desk's position. With `prices` only
        the lifetime is decided, for these prices. Raises `Refusal`, and whatever the pricing provider raises.
        """
        instrument = self.instruments.get(related.symbol)
        if instrument is None:
            raise Refusal(refusal.UNKNOWN_SYMBOL, f"unknown symbol {related.symbol}")
        limits.check_model(client, model)
        limits.check_controls(self.controls, instrument, client)
        lots = limits.check_size(instrument, related, client)
        limits.check_position(instrument, related, lots, position_lots)
        phase = limits.check_phase(instrument, wall_ns)
        limit_ns = limits.client_limit_ns(related, wall_ns)
        REQUEST.pack_into(
            buffers.request_memory, 0, mono_ns, instrument.row, related.side, lots, related.n_legs, phase.code, model,
            position_lots, instrument.parameters, limit_ns, phase.limit_ns, self.controls.held_state(instrument.row),
        )  # fmt: skip
        status = self._decide(client, instrument, buffers, prices)
        if status != L.STATUS_OK:
            raise refusal.no_market(related.symbol, status, int(buffers.snap[L.SNAP_SINCE_NS]), wall_ns, mono_ns)
        result = read_result(buffers.record, related.side)
        if result.lifetime_ns <= 0:
            min_useful_ms = max(instrument.config.min_lifetime_ms, client.client.round_trip_ms)
            raise no_lifetime(related, result, min_useful_ms)
        if (related.side != SELL and result.offer_ticks <= 0) or (related.side != BUY and result.bid_ticks <= 0):
            raise refusal.no_positive_price(related.symbol, related.quantity)
        return QuoteDecision.of(related, result, instrument.row, lots, wall_ns)

    def is_stopped(self, decision: QuoteDecision, client: ClientState) -> bool:
        """Whether the desk has stopped or closed anything that a quote depends on."""
        rows = [decision.row] if decision.multileg is None else [leg.instrument.row for leg in decision.multileg.legs]
        controls = self.controls
        return any(controls.stopped(row, client.index) or controls.held_state(row) == MARKET_CLOSED for row in rows)

    def _decide(
        self, client: ClientState, instrument: QuotedInstrument, buffers: DecisionBuffers, prices: Prices | None
    ) -> int:
        """Run the kernels; returns the board's status."""
        board, terms = self.board, self.terms(client, instrument)
        if prices is None and self.provider is pricing.default and board is not None:
            status: int = K.decide_from_board(buffers.bind(board, self.table, self.policies, terms))
            if status != L.STATUS_BUSY:
                return status
        status = self.observe(buffers)
        if status == L.STATUS_OK:
            if prices is None:
                self.price(buffers, terms.values)
            else:
                buffers.record.words[J.BID_PX], buffers.record.words[J.OFFER_PX] = prices
            K.decide_quote(
                buffers.request, terms.values, terms.context, terms.rules, self.table, self.policies, buffers.snap,
                buffers.record.words, buffers.work,
            )  # fmt: skip
        return status

    def observe(self, buffers: DecisionBuffers) -> int:
        """Top of the book and features of the requested row, as of the request's time; returns the board's status.

        A writer that lost its processor in the middle of a row is waited for, for about 2 ms.
        """
        board, request, snap = self.board, buffers.request, buffers.snap
        if board is None:
            snap[L.SNAP_SINCE_NS] = request[K.REQUEST_NOW_NS]
            return L.STATUS_WRITER_DEAD
        for _ in range(BUSY_TRIES):
            status = K.observe(board.header, board.venues, board.rows, request, snap, buffers.record.words)
            if status != L.STATUS_BUSY:
                break
            sleep(BUSY_PAUSE_S)
        return status

    def price(self, buffers: DecisionBuffers, terms: NDArray[np.float64]) -> None:
        """Bid and offer from the provider into the record, for what `observe` found; terms float64[TERM_WORDS].

        Raises whatever the provider raises.
        """
        request = buffers.request
        shift = -terms[K.TERM_SKEW] * K.inventory(terms, request[K.REQUEST_POSITION_LOTS])
        self.provider.price(
            buffers.snap, buffers.record.features, int(request[K.REQUEST_SIZE_LOTS]), terms[K.TERM_HALF_SPREAD],
            terms[K.TERM_MARGIN], shift, buffers.record.words[J.BID_PX : J.OFFER_PX + 1],
        )  # fmt: skip

    def terms(self, client: ClientState, instrument: QuotedInstrument) -> ClientTerms:
        """Terms and rules of a client for an instrument; made on first use, then cached."""
        key = client.index, instrument.config.symbol
        terms = self._terms.get(key)
        if terms is None:
            terms = self._terms[key] = ClientTerms.of(self.config, client, instrument)
        return terms


def _policy(config: Config, model: str) -> NDArray[np.float64]:
    section = getattr(config.models, model)
    try:
        return pack(msgspec.structs.asdict(section))
    except ValueError as error:
        raise ConfigError(
            Path(config.file), f"models.{model}", str(error), "allowed: see models/quotelife_models/policy.py"
        ) from None
