"""The decision: (request, board, context, clock) -> a quote or a refusal with its reason.

Pure but for the board it reads: it knows no engine, keeps nothing of a request, and reads no clock. The same inputs
give the same quote, bit for bit, so the same code serves FIX, replay and backtest.
"""

import struct
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models import decide as D
from models.decide import Parameters
from models.policy import MODELS, pack
from models.reasons import BELOW_MINIMUM, REASONS
from service.board import layout as L
from service.board.board import Board
from service.clock import utc_timestamp
from service.config import Config, ConfigError, Instrument
from service.journal import layout as J
from service.journal.ring import Record
from service.quoting import kernel as K
from service.quoting import pricing, refusal
from service.quoting.client_state import ClientState
from service.quoting.grid import Grid
from service.quoting.phases import Phases
from service.quoting.refusal import Refused
from service.quoting.request import BUY, BY_RULES, SELL, TWO_WAY, Related
from service.quoting.selection import PHASE_CLOSED, compile_rules, thresholds

_ASK = struct.Struct(f"={K.ASK_WORDS}q")
_DECIDED = struct.Struct("=6q")  # MODEL .. OFFER_PX
_SIDE = struct.Struct("=4d")  # OUT_LIFETIME_NS .. OUT_P_PICK_OFF
_WORD = J.WORD_BYTES


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


class Traded(Struct, frozen=True):
    """An instrument as the quoter needs it."""

    instrument: Instrument
    row: int
    prices: Grid
    sizes: Grid
    phases: Phases
    parameters: int
    max_lots: int
    max_position_lots: int


class Scratch:
    """Memory of one decision; one per thread that decides. `record` holds the last decision in full."""

    def __init__(self) -> None:
        self.ask = np.zeros(K.ASK_WORDS, np.int64)
        self.snap = np.zeros(L.SNAP_WORDS, np.int64)
        self.record = Record()


class Quoter:
    """Decides on one related symbol at a time. `board` is None until one has been attached."""

    def __init__(self, config: Config, parameters: Parameters, provider: pricing.Provider) -> None:
        self.board: Board | None = None
        self.table = parameters.table
        self.policies = np.stack([_policy(config, name) for name in MODELS])
        self.traded = {
            instrument.symbol: _traded(instrument, row, parameters)
            for row, instrument in enumerate(config.instrument)
            if instrument.quotable
        }
        self._config = config
        self._provider = provider
        self._agreed: dict[tuple[int, str], tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def quote(
        self,
        client: ClientState,
        related: Related,
        model: int,
        position_lots: int,
        wall_ns: int,
        mono_ns: int,
        scratch: Scratch,
    ) -> Quoted:
        """The quote for one related symbol, or `Refused`; whatever the pricing provider raises passes through."""
        traded = self.traded.get(related.symbol)
        if traded is None:
            raise Refused(refusal.UNKNOWN_SYMBOL, f"unknown symbol {related.symbol}")
        if model != BY_RULES and not client.client.may_choose_model:
            raise Refused(refusal.NOT_AUTHORISED, "ExpiryModel (20001) is not open to this client; leave it out")
        size_lots = _size(traded, related, client)
        _check_position(traded, related, size_lots, position_lots)
        phase = traded.phases.at(wall_ns)
        if phase.code == PHASE_CLOSED:
            raise Refused(refusal.CLOSED, f"{related.symbol} is closed until {phase.end} UTC")
        client_limit_ns = K.NO_LIMIT
        if related.until_ns:
            client_limit_ns = related.until_ns - wall_ns
            if client_limit_ns <= 0:
                ended = utc_timestamp(related.until_ns)
                raise Refused(refusal.TOO_LATE, f"the request's own time limit ended at {ended}")
        _ASK.pack_into(
            scratch.ask.data, 0, mono_ns, traded.row, related.side, size_lots, related.legs, phase.code, model,
            position_lots, traded.parameters, client_limit_ns, phase.limit_ns,
        )  # fmt: skip
        status = self._decide(client, traded, scratch)
        if status != L.STATUS_OK:
            raise _no_market(related.symbol, status, int(scratch.snap[L.SNAP_SINCE_NS]), wall_ns, mono_ns)
        return _quoted(traded, related, client, size_lots, wall_ns, scratch.record)

    def _decide(self, client: ClientState, traded: Traded, scratch: Scratch) -> int:
        """Run the kernels; the board's status."""
        board, ask, snap, record = self.board, scratch.ask, scratch.snap, scratch.record.words
        if board is None:
            snap[L.SNAP_SINCE_NS] = ask[K.ASK_NOW_NS]
            return L.STATUS_WRITER_DEAD
        key = client.index, traded.instrument.symbol
        agreed = self._agreed.get(key)
        if agreed is None:
            agreed = self._agreed[key] = self._agree(client, traded)
        terms, rules = agreed
        if self._provider is pricing.default:
            return K.answer(
                board.header, board.venues, board.rows, ask, terms, client.context, rules, self.table, self.policies,
                snap, record,
            )  # fmt: skip
        status = K.observe(board.header, board.venues, board.rows, ask, snap, record)
        if status == L.STATUS_OK:
            shift = -terms[K.TERM_SKEW] * K.inventory(terms, ask[K.ASK_POSITION_LOTS])
            self._provider.price(
                snap, scratch.record.features, int(ask[K.ASK_SIZE_LOTS]), terms[K.TERM_HALF_SPREAD],
                terms[K.TERM_MARGIN], shift, record[J.BID_PX : J.OFFER_PX + 1],
            )  # fmt: skip
            K.weigh(ask, terms, client.context, rules, self.table, self.policies, snap, record)
        return status

    def _agree(self, client: ClientState, traded: Traded) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Terms and rules of a client for an instrument."""
        instrument = traded.instrument
        terms = np.zeros(K.TERM_WORDS)
        terms[K.TERM_HALF_SPREAD] = instrument.min_half_spread_ticks
        terms[K.TERM_MARGIN] = client.margin_ticks
        terms[K.TERM_SKEW] = self._config.pricing.inventory_skew_ticks
        terms[K.TERM_MAX_POSITION] = traded.max_position_lots
        terms[K.TERM_MIN_LIFETIME_MS] = instrument.min_lifetime_ms
        terms[K.TERM_MAX_LIFETIME_MS] = instrument.max_lifetime_ms
        terms[K.TERM_LIMITS :] = thresholds(self._config.market)
        return terms, compile_rules(self._config, client.client, instrument)


def _policy(config: Config, model: str) -> NDArray[np.float64]:
    section = getattr(config.models, model)
    try:
        return pack(msgspec.structs.asdict(section))
    except ValueError as error:
        raise ConfigError(Path(config.file), f"models.{model}", str(error), "allowed: see models/policy.py") from None


def _traded(instrument: Instrument, row: int, parameters: Parameters) -> Traded:
    sizes = Grid(instrument.lot)
    lot = float(instrument.lot)
    name = instrument.parameters or instrument.symbol
    return Traded(
        instrument,
        row,
        Grid(instrument.tick),
        sizes,
        Phases(instrument.session),
        parameters.for_symbol(name),
        round(instrument.max_quantity / lot),
        max(round(instrument.max_position / lot), 1),
    )


def _size(traded: Traded, related: Related, client: ClientState) -> int:
    """The size asked for in lots."""
    try:
        lots = traded.sizes.units(related.quantity)
    except ValueError as error:
        raise Refused(refusal.MALFORMED, f"OrderQty (38) of {related.symbol}: {error}") from None
    if lots <= 0:
        raise Refused(refusal.MALFORMED, f"OrderQty (38) of {related.symbol} is {related.quantity}; allowed: above 0")
    limit = traded.max_lots
    if client.client.max_quantity is not None:
        limit = min(limit, round(client.client.max_quantity / float(traded.sizes.step)))
    if lots > limit:
        text = f"size {related.quantity} of {related.symbol} is over the limit of {traded.sizes.short(limit)}"
        raise Refused(refusal.SIZE_OVER_LIMIT, text)
    return lots


def _check_position(traded: Traded, related: Related, lots: int, position_lots: int) -> None:
    """Refuse what would take the desk over its position limit, whichever side the client takes."""
    most = traded.max_position_lots
    if (related.side != SELL and position_lots - lots < -most) or (related.side != BUY and position_lots + lots > most):
        text = f"size {related.quantity} of {related.symbol} would go over the desk's position limit"
        raise Refused(refusal.NO_INVENTORY, text)


def _no_market(symbol: str, status: int, since_ns: int, wall_ns: int, mono_ns: int) -> Refused:
    reason, text = refusal.OF_STATUS[status]
    return Refused(reason, text.format(symbol=symbol, since=utc_timestamp(wall_ns - max(mono_ns - since_ns, 0))))


def _quoted(
    traded: Traded, related: Related, client: ClientState, size_lots: int, wall_ns: int, record: Record
) -> Quoted:
    words = record.words
    memory = words.data
    model, _market, lifetime_ns, _, bid, offer = _DECIDED.unpack_from(memory, J.MODEL * _WORD)
    side_at = J.OFFER_DECISION if related.side == BUY else J.BID_DECISION
    side_ns, reason, move, pick_off = _SIDE.unpack_from(memory, side_at * _WORD)
    if related.side == TWO_WAY:
        other = _SIDE.unpack_from(memory, J.OFFER_DECISION * _WORD)
        if other[0] < side_ns:  # the weaker side decides
            side_at, reason = J.OFFER_DECISION, other[1]
        move, pick_off = max(move, other[2]), max(pick_off, other[3])
    if lifetime_ns <= 0:
        model_ms = float(words.view(np.float64)[side_at + D.OUT_MODEL_MS])
        raise _not_given(traded, related, client, int(reason), model_ms)
    if (related.side != SELL and offer <= 0) or (related.side != BUY and bid <= 0):
        raise Refused(refusal.INVALID_PRICE, f"no positive price for {related.quantity} of {related.symbol}")
    valid_until_ns = (wall_ns + lifetime_ns) // 1000 * 1000
    return Quoted(
        related.symbol, traded.row, related.side, size_lots, bid, offer, model, int(reason), lifetime_ns,
        valid_until_ns, move, pick_off,
    )  # fmt: skip


def _not_given(traded: Traded, related: Related, client: ClientState, reason: int, model_ms: float) -> Refused:
    """A model's refusal in words."""
    symbol = related.symbol
    if reason != BELOW_MINIMUM:
        text = f"no quote for {related.quantity} of {symbol}: at no lifetime is it worth its risk ({REASONS[reason]})"
        return Refused(refusal.RISK, text)
    least = max(traded.instrument.min_lifetime_ms, client.client.round_trip_ms)
    if related.until_ns and model_ms >= least:
        return Refused(refusal.TOO_LATE, f"the request's own time limit leaves less than the useful {least:g} ms")
    text = f"no quote for {symbol}: it could live {model_ms:.1f} ms, below the useful minimum of {least:g} ms"
    return Refused(refusal.NOT_USEFUL, text)
