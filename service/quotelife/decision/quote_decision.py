"""What the kernels decided: the result they leave in the journal record, and the quote that follows from it."""

from msgspec import Struct

from quotelife.decision import refusal
from quotelife.decision.multileg import Multileg
from quotelife.decision.refusal import Refusal
from quotelife.decision.request import RelatedSymbol
from quotelife.journal import layout as J
from quotelife.journal.record import Record
from quotelife.shm.layout import WORD_BYTES
from quotelife_models import decide as D
from quotelife_models.enums import SELL, TWO_WAY
from quotelife_models.reasons import BELOW_MINIMUM, REASONS

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
