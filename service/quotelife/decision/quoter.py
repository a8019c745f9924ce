"""The decision on an instrument: (request, board, client, clock) -> a quote, or a refusal with its reason.

Its inputs are its arguments, the board, the controls, the parameters in force and the client's statistics: no engine,
no clock, no earlier request. The same inputs give the same quote, bit for bit, so it serves FIX and the API alike, and
the backtest calls the same kernel.
"""

import struct
from collections.abc import Sequence
from time import sleep

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.config import Config
from quotelife.controls.layout import DERIVED
from quotelife.controls.region import Controls
from quotelife.decision import kernel as K
from quotelife.decision import limits, pricing, refusal
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.client_state import ClientState
from quotelife.decision.client_terms import ClientTerms
from quotelife.decision.exposure import Exposure
from quotelife.decision.multileg.multileg import Multileg
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.decision.refusal import Refusal
from quotelife.decision.request import BY_RULES, RelatedSymbol
from quotelife.decision.settings import DecisionSettings
from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.parameters.table import build_table
from quotelife.shm.layout import WORD_BYTES
from quotelife_models import decide as D
from quotelife_models.enums import BUY, MARKET_CLOSED, SELL, TWO_WAY
from quotelife_models.parameters import Parameters
from quotelife_models.reasons import BELOW_MINIMUM, REASONS

REQUEST = struct.Struct(f"={K.REQUEST_WORDS}q")
BUSY_TRIES, BUSY_PAUSE_S = 16, 50e-6  # a pause takes about twice as long: 2 ms in all
Prices = tuple[int, int]  # bid and offer in ticks
# Words of the record in which the kernels leave their result.
_OUT = (D.OUT_LIFETIME_NS, D.OUT_REASON, D.OUT_P_ONE_TICK, D.OUT_P_PICK_OFF, D.OUT_MODEL_MS)
_RESULT = J.RECORD.struct(
    *(J.MODEL, J.LIFETIME_NS, J.BID_PX, J.OFFER_PX),
    *(J.BID_DECISION + word for word in _OUT),
    *(J.OFFER_DECISION + word for word in _OUT),
)
_RESULT_AT = J.MODEL * WORD_BYTES


class QuoteDecision(Struct, frozen=True, gc=False):
    """A quote as decided: prices in ticks (0 for a side that was not requested), times in ns, `model` and `reason` by
    index. `valid_until_ns` is wall clock in whole microseconds, exactly what the client reads."""

    symbol: str
    row: int
    side: int
    size_lots: int
    bid_ticks: int
    offer_ticks: int
    model: int
    reason: int
    lifetime_ns: int
    valid_until_ns: int
    move_probability: float
    pick_off_probability: float
    multileg: Multileg | None = None  # then row is -1 and prices are net, in the multileg's ticks
    leg_prices: tuple[tuple[int, int], ...] = ()  # (bid, offer) of each leg in its own ticks

    @classmethod
    def of(
        cls, related: RelatedSymbol, result: "KernelResult", row: int, lots: int, wall_ns: int,
        multileg: Multileg | None = None, leg_prices: tuple[tuple[int, int], ...] = (),
    ) -> "QuoteDecision":  # fmt: skip
        """The quote that a result with a lifetime above 0 amounts to."""
        valid_until_ns = (wall_ns + result.lifetime_ns) // 1000 * 1000
        return cls(
            related.symbol, row, related.side, lots, result.bid_ticks, result.offer_ticks, result.model, result.reason,
            result.lifetime_ns, valid_until_ns, result.move_probability, result.pick_off_probability, multileg,
            leg_prices,
        )  # fmt: skip


class KernelResult(Struct, frozen=True, gc=False):
    """What the kernels left in the record. `model_ms` is the model's lifetime before bounds; `lifetime_ns` is 0 for a
    refusal."""

    model: int
    lifetime_ns: int
    bid_ticks: int
    offer_ticks: int
    reason: int
    move_probability: float
    pick_off_probability: float
    model_ms: float


class Quoter:
    """Decides on one instrument at a time.

    `board` is None until one has been attached; `table` float64[rows, N_PARAMETERS] holds the active parameters, one
    row for each row of the board; `policies` is float64[models, N_POLICY]; `instruments` are the quoted ones by symbol.
    """

    def __init__(self, config: Config, parameters: Parameters, provider: pricing.Provider) -> None:
        self.board: Board | None = None
        self.table = build_table(config, parameters)
        settings = DecisionSettings.of(config)
        self.config, self.policies, self.instruments = config, settings.policies, settings.instruments
        self.exposure = Exposure(config)
        self.controls = Controls.none(len(config.instrument), len(config.client))
        self.provider = provider
        self._terms: dict[tuple[int, str], ClientTerms] = {}

    def configure(self, settings: DecisionSettings) -> None:
        """Decide by another version of the configuration, which has the same instruments, from the next request on."""
        self.config, self.policies = settings.config, settings.policies
        self.instruments.update(settings.instruments)
        self.exposure.configure(settings.config)
        self._terms.clear()

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

        `model` is an index of an expiry model, or BY_RULES; one that the desk forces decides instead. `position_lots`
        is the desk's position. With `prices` only the lifetime is decided, for these prices. Raises `Refusal`, and
        whatever the pricing provider raises.
        """
        instrument = self.instruments.get(related.symbol)
        if instrument is None:
            raise Refusal(refusal.UNKNOWN_SYMBOL, f"unknown symbol {related.symbol}")
        limits.check_model(client, model)
        limits.check_controls(self.controls, instrument, client)
        lots = limits.check_size(instrument, related, client)
        limits.check_position(instrument, related, lots, position_lots)
        if self.exposure.is_limited:
            limits.check_exposure(self.exposure, client, related, [(instrument.row, -lots)], self.board)
        phase = limits.check_phase(instrument, wall_ns)
        limit_ns = limits.client_limit_ns(related, wall_ns)
        held = self.controls.held_state(instrument.row)
        model = model_by_desk(self.controls, (instrument.row,), client, model, held, buffers.record)
        REQUEST.pack_into(
            buffers.request_memory, 0, mono_ns, instrument.row, related.side, lots, related.n_legs, phase.code, model,
            position_lots, instrument.parameters, limit_ns, phase.limit_ns, held,
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


def model_by_desk(
    controls: Controls, rows: Sequence[int], client: ClientState, model: int, held: int, record: Record
) -> int:
    """The model that decides: the one that the desk forces, else `model`. The record's flags tell whether it is forced
    and whether the market state is `held`."""
    forced = controls.forced_model(rows, client.index)
    flags = 0 if held == DERIVED else J.STATE_HELD
    if forced == BY_RULES:
        record.outcome = flags
        return model
    record.outcome = flags | J.MODEL_FORCED
    return forced


def read_result(record: Record, side: int) -> KernelResult:
    """The result for the requested side; of a two-way request the side with the shorter lifetime counts."""
    (
        model, lifetime_ns, bid, offer, bid_ns, bid_reason, bid_move, bid_pick_off, bid_model_ms,
        offer_ns, reason, move, pick_off, model_ms,
    ) = _RESULT.unpack_from(record.memory, _RESULT_AT)  # fmt: skip
    if side == SELL or (side == TWO_WAY and bid_ns <= offer_ns):
        reason, model_ms = bid_reason, bid_model_ms
    if side == SELL:
        move, pick_off = bid_move, bid_pick_off
    elif side == TWO_WAY:
        move, pick_off = max(bid_move, move), max(bid_pick_off, pick_off)
    return KernelResult(model, lifetime_ns, bid, offer, int(reason), move, pick_off, model_ms)


def no_lifetime(related: RelatedSymbol, result: KernelResult, min_useful_ms: float) -> Refusal:
    """The refusal for a result without a lifetime; `min_useful_ms` is the shortest lifetime that is quoted."""
    symbol = related.symbol
    if result.reason != BELOW_MINIMUM:
        why = REASONS[result.reason]
        return Refusal(
            refusal.RISK, f"no quote for {related.quantity} of {symbol}: no lifetime is worth the risk ({why})"
        )
    if related.until_ns and result.model_ms >= min_useful_ms:
        text = f"the request's own time limit is below the useful minimum of {min_useful_ms:g} ms"
        return Refusal(refusal.TOO_LATE, text)
    lifetime = f"its lifetime would be {result.model_ms:.1f} ms"
    return Refusal(
        refusal.NOT_USEFUL, f"no quote for {symbol}: {lifetime}, below the useful minimum of {min_useful_ms:g} ms"
    )
