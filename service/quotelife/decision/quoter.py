"""The decision: (request, board, context, clock) -> a quote or a refusal with its reason.

Pure but for the board it reads: it knows no engine, keeps nothing of a request, and reads no clock. The same inputs
give the same quote, bit for bit, so the same code serves FIX, replay and backtest.
"""

import struct
from pathlib import Path
from time import sleep

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from quotelife.config import Config, ConfigError
from quotelife.controls.region import Controls
from quotelife.decision import kernel as K
from quotelife.decision import limits, pricing, refusal
from quotelife.decision.buffers import Agreed, Scratch
from quotelife.decision.client_state import ClientState
from quotelife.decision.model_selection import CLOSED, compile_rules, thresholds
from quotelife.decision.multileg import Package
from quotelife.decision.quoted_instrument import Traded
from quotelife.decision.refusal import Refused
from quotelife.decision.request import BUY, BY_RULES, SELL, TWO_WAY, Related
from quotelife.journal import layout as J
from quotelife.journal.ring import Record
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.parameters.table import arrange
from quotelife.runtime.clock import utc_timestamp
from quotelife.shm.layout import WORD_BYTES
from quotelife_models import decide as D
from quotelife_models.decide import Parameters
from quotelife_models.policy import MODELS, pack
from quotelife_models.reasons import BELOW_MINIMUM, REASONS

ASK = struct.Struct(f"={K.ASK_WORDS}q")
_OUT = (D.OUT_LIFETIME_NS, D.OUT_REASON, D.OUT_P_ONE_TICK, D.OUT_P_PICK_OFF, D.OUT_MODEL_MS)
_DECIDED = J.RECORD.struct(
    *(J.MODEL, J.LIFETIME_NS, J.BID_PX, J.OFFER_PX),
    *(J.BID_DECISION + word for word in _OUT),
    *(J.OFFER_DECISION + word for word in _OUT),
)
_DECIDED_AT = J.MODEL * WORD_BYTES
BUSY_TRIES, BUSY_PAUSE_S = 16, 50e-6  # a pause takes about twice as long, so 2 ms in all
Prices = tuple[int, int]  # bid and offer in ticks
NOT_OPEN = "ExpiryModel (20001) is not open to this client; leave it out"


class Quoted(Struct, frozen=True, gc=False):
    """A quote as decided: prices in ticks (0 for a side not asked for), times in ns, `model` and `reason` by index."""

    symbol: str
    row: int
    side: int
    size_lots: int
    bid_ticks: int
    offer_ticks: int
    model: int
    reason: int
    lifetime_ns: int
    valid_until_ns: int  # wall clock, whole microseconds: exactly what the client reads
    move_probability: float
    pick_off_probability: float
    package: Package | None = None  # then row is -1 and prices are net, in the package's ticks
    leg_prices: tuple[tuple[int, int], ...] = ()  # (bid, offer) of each leg in its own ticks


class Quoter:
    """Decides on one related symbol at a time. `board` is None until one has been attached; `table` has the parameters
    in force, a row for each row of the board."""

    def __init__(self, config: Config, parameters: Parameters, provider: pricing.Provider) -> None:
        self.board: Board | None = None
        self.table = arrange(config, parameters)
        self.policies = np.stack([_policy(config, name) for name in MODELS])
        self.traded = {
            instrument.symbol: Traded.of(instrument, row)
            for row, instrument in enumerate(config.instrument)
            if instrument.quotable
        }
        self.config = config
        self.controls = Controls.none(len(config.instrument), len(config.client))
        self.provider = provider
        self._agreed: dict[tuple[int, str], Agreed] = {}

    def quote(
        self,
        client: ClientState,
        related: Related,
        model: int,
        position_lots: int,
        wall_ns: int,
        mono_ns: int,
        scratch: Scratch,
        given: Prices | None = None,
    ) -> Quoted:
        """The quote for one related symbol, or `Refused`; whatever the pricing provider raises passes through.

        `given` are bid and offer in ticks where somebody else has priced: then only the lifetime is decided here.
        """
        traded = self.traded.get(related.symbol)
        if traded is None:
            raise Refused(refusal.UNKNOWN_SYMBOL, f"unknown symbol {related.symbol}")
        if model != BY_RULES and not client.client.may_choose_model:
            raise Refused(refusal.NOT_AUTHORISED, NOT_OPEN)
        limits.check_orders(self.controls, traded, client)
        lots = limits.size_lots(traded, related, client)
        limits.check_position(traded, related, lots, position_lots)
        phase = limits.open_phase(traded, wall_ns)
        limit_ns = limits.client_limit_ns(related, wall_ns)
        ASK.pack_into(
            scratch.ask_memory, 0, mono_ns, traded.row, related.side, lots, related.legs, phase.code, model,
            position_lots, traded.parameters, limit_ns, phase.limit_ns, self.controls.forced(traded.row),
        )  # fmt: skip
        status = self._decide(client, traded, scratch, given)
        if status != L.STATUS_OK:
            raise no_market(related.symbol, status, int(scratch.snap[L.SNAP_SINCE_NS]), wall_ns, mono_ns)
        outcome = read_outcome(scratch.record, related.side)
        if outcome.lifetime_ns <= 0:
            least_ms = max(traded.instrument.min_lifetime_ms, client.client.round_trip_ms)
            raise not_given(related, outcome, least_ms)
        if (related.side != SELL and outcome.offer <= 0) or (related.side != BUY and outcome.bid <= 0):
            raise Refused(refusal.INVALID_PRICE, f"no positive price for {related.quantity} of {related.symbol}")
        return make_quoted(related, outcome, traded.row, lots, wall_ns)

    def is_stopped(self, quoted: Quoted, client: ClientState) -> bool:
        """Whether the desk has stopped or closed anything that a quote depends on."""
        rows = [quoted.row] if quoted.package is None else [leg.traded.row for leg in quoted.package.legs]
        controls = self.controls
        return any(controls.stopped(row, client.index) or controls.forced(row) == CLOSED for row in rows)

    def _decide(self, client: ClientState, traded: Traded, scratch: Scratch, given: Prices | None) -> int:
        """Run the kernels; the board's status."""
        board, agreed = self.board, self.agreed(client, traded)
        if given is None and self.provider is pricing.default and board is not None:
            status: int = K.answer(scratch.bind(board, self.table, self.policies, agreed))
            if status != L.STATUS_BUSY:
                return status
        status = self.observe(scratch)
        if status == L.STATUS_OK:
            if given is None:
                self.price(scratch, agreed.terms)
            else:
                scratch.record.words[J.BID_PX], scratch.record.words[J.OFFER_PX] = given
            K.weigh(
                scratch.ask, agreed.terms, agreed.context, agreed.rules, self.table, self.policies, scratch.snap,
                scratch.record.words, scratch.work,
            )  # fmt: skip
        return status

    def observe(self, scratch: Scratch) -> int:
        """Top of the book and features of what is asked, as of then; the board's status.

        A writer that lost its processor in the middle of a row is waited for, a little.
        """
        board, ask, snap = self.board, scratch.ask, scratch.snap
        if board is None:
            snap[L.SNAP_SINCE_NS] = ask[K.ASK_NOW_NS]
            return L.STATUS_WRITER_DEAD
        for _ in range(BUSY_TRIES):
            status = K.observe(board.header, board.venues, board.rows, ask, snap, scratch.record.words)
            if status != L.STATUS_BUSY:
                break
            sleep(BUSY_PAUSE_S)
        return status

    def price(self, scratch: Scratch, terms: NDArray[np.float64]) -> None:
        """Bid and offer of what was observed, into the record; whatever the provider raises passes through."""
        ask = scratch.ask
        shift = -terms[K.TERM_SKEW] * K.inventory(terms, ask[K.ASK_POSITION_LOTS])
        self.provider.price(
            scratch.snap, scratch.record.features, int(ask[K.ASK_SIZE_LOTS]), terms[K.TERM_HALF_SPREAD],
            terms[K.TERM_MARGIN], shift, scratch.record.words[J.BID_PX : J.OFFER_PX + 1],
        )  # fmt: skip

    def agreed(self, client: ClientState, traded: Traded) -> Agreed:
        """Terms and rules of a client for an instrument, made once."""
        key = client.index, traded.instrument.symbol
        agreed = self._agreed.get(key)
        if agreed is None:
            agreed = self._agreed[key] = self._agree(client, traded)
        return agreed

    def _agree(self, client: ClientState, traded: Traded) -> Agreed:
        instrument = traded.instrument
        terms = np.zeros(K.TERM_WORDS)
        terms[K.TERM_HALF_SPREAD] = instrument.min_half_spread_ticks
        terms[K.TERM_MARGIN] = client.margin_ticks
        terms[K.TERM_SKEW] = self.config.pricing.inventory_skew_ticks
        terms[K.TERM_MAX_POSITION] = traded.max_position_lots
        terms[K.TERM_MIN_LIFETIME_MS] = instrument.min_lifetime_ms
        terms[K.TERM_MAX_LIFETIME_MS] = instrument.max_lifetime_ms
        terms[K.TERM_LIMITS :] = thresholds(self.config.market)
        return Agreed.of(terms, compile_rules(self.config, client.client, [instrument.symbol]), client.context)


def _policy(config: Config, model: str) -> NDArray[np.float64]:
    section = getattr(config.models, model)
    try:
        return pack(msgspec.structs.asdict(section))
    except ValueError as error:
        raise ConfigError(
            Path(config.file), f"models.{model}", str(error), "allowed: see models/quotelife_models/policy.py"
        ) from None


def no_market(symbol: str, status: int, since_ns: int, wall_ns: int, mono_ns: int) -> Refused:
    reason, text = refusal.OF_STATUS[status]
    return Refused(reason, text.format(symbol=symbol, since=utc_timestamp(wall_ns - max(mono_ns - since_ns, 0))))


class Outcome(Struct, frozen=True, gc=False):
    """What the kernels have left in the record. `model_ms` is the model's lifetime before bounds."""

    model: int
    lifetime_ns: int
    bid: int
    offer: int
    reason: int
    move: float
    pick_off: float
    model_ms: float


def read_outcome(record: Record, side: int) -> Outcome:
    """The decision in a record for what was asked; of both sides the weaker one decides."""
    (
        model, lifetime_ns, bid, offer, bid_ns, bid_reason, bid_move, bid_pick_off, bid_model_ms,
        offer_ns, reason, move, pick_off, model_ms,
    ) = _DECIDED.unpack_from(record.memory, _DECIDED_AT)  # fmt: skip
    if side == SELL or (side == TWO_WAY and bid_ns <= offer_ns):
        reason, model_ms = bid_reason, bid_model_ms
    if side == SELL:
        move, pick_off = bid_move, bid_pick_off
    elif side == TWO_WAY:
        move, pick_off = max(bid_move, move), max(bid_pick_off, pick_off)
    return Outcome(model, lifetime_ns, bid, offer, int(reason), move, pick_off, model_ms)


def make_quoted(
    related: Related, outcome: Outcome, row: int, lots: int, wall_ns: int, package: Package | None = None,
    leg_prices: tuple[tuple[int, int], ...] = (),
) -> Quoted:  # fmt: skip
    """The quote that a decision amounts to."""
    valid_until_ns = (wall_ns + outcome.lifetime_ns) // 1000 * 1000
    return Quoted(
        related.symbol, row, related.side, lots, outcome.bid, outcome.offer, outcome.model, outcome.reason,
        outcome.lifetime_ns, valid_until_ns, outcome.move, outcome.pick_off, package, leg_prices,
    )  # fmt: skip


def not_given(related: Related, outcome: Outcome, least_ms: float) -> Refused:
    """A model's refusal in words; `least_ms` is the least useful lifetime."""
    symbol = related.symbol
    if outcome.reason != BELOW_MINIMUM:
        why = REASONS[outcome.reason]
        text = f"no quote for {related.quantity} of {symbol}: at no lifetime is it worth its risk ({why})"
        return Refused(refusal.RISK, text)
    if related.until_ns and outcome.model_ms >= least_ms:
        return Refused(refusal.TOO_LATE, f"the request's own time limit leaves less than the useful {least_ms:g} ms")
    lived = f"it could live {outcome.model_ms:.1f} ms"
    return Refused(refusal.NOT_USEFUL, f"no quote for {symbol}: {lived}, below the useful minimum of {least_ms:g} ms")
