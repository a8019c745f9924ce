"""The quote for an amount of the term currency: its lots depend on the price, and the price on its lots."""

from msgspec.structs import replace

from quotelife.decision import refusal
from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.client_state import ClientState
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.decision.quoter import QuoteDecision, Quoter
from quotelife.decision.refusal import Refusal
from quotelife.market.board import layout as L
from quotelife.rfq.terms.amounts import Amount, Rounding, dealt_lots, lots_for
from quotelife.rfq.terms.quote_terms import QuoteTerms
from quotelife.rfq.terms.resolver import ResolvedRequest
from quotelife_models.enums import BUY, SELL

_MAX_TRIES = 8  # each is one decision; the second or third fits unless the book is very steep


def quote_amount(
    quoter: Quoter, client: ClientState, instrument: QuotedInstrument, resolved: ResolvedRequest, model: int,
    position_lots: int, wall_ns: int, mono_ns: int, buffers: DecisionBuffers,
) -> QuoteDecision:  # fmt: skip
    """A quote whose size is the lots of the amount at its price. Of a two-way quote those are the larger ones, since
    a hit states the amount, but for a CashOrderQty the smaller ones: its hits state lots, which neither side's price
    may make more than the cash.

    The first size is that at the best price; a decision counts if it was made for at least the lots that the amount has
    at its price. Raises `Refusal`, see `Quoter.quote`.
    """
    amount, terms, related = resolved.amount, resolved.terms, resolved.related
    assert amount is not None
    lots = max(_lots_at_best(quoter, instrument, resolved, amount), 1)
    for _ in range(_MAX_TRIES):
        sized = replace(related, quantity=instrument.sizes.short(lots))
        decision = quoter.quote(client, sized, model, position_lots, wall_ns, mono_ns, buffers)
        needed = _lots_of(decision, terms, amount, instrument)
        if needed < 1:
            text = f"{amount.text} {instrument.config.currency} are less than one lot of {related.symbol}"
            raise Refusal(refusal.MALFORMED, f"{text}, {instrument.sizes.step}")
        if needed <= lots:
            return replace(decision, size_lots=needed)
        lots = needed
    raise Refusal(refusal.ONE_SIDED, f"no market for {amount.text} {instrument.config.currency} of {related.symbol}")


def _lots_at_best(quoter: Quoter, instrument: QuotedInstrument, resolved: ResolvedRequest, amount: Amount) -> int:
    """An estimate from the top of the book, 1 without one: the decision then refuses for what is wrong with it."""
    if quoter.board is None:
        return 1
    words, terms = quoter.board.rows[instrument.row], resolved.terms
    if resolved.related.side == BUY:
        ticks = int(words[L.ASK_PX]) + terms.offer_points
    else:
        ticks = int(words[L.BID_PX]) + terms.bid_points
    return lots_for(amount, ticks, instrument.prices, instrument.sizes, Rounding.UP) if ticks > 0 else 1


def _lots_of(decision: QuoteDecision, terms: QuoteTerms, amount: Amount, instrument: QuotedInstrument) -> int:
    """The lots of the amount at the quoted prices."""
    sides = {True: terms.offer(decision)} if decision.side != SELL else {}  # by whether the client buys
    if decision.side != BUY:
        sides[False] = terms.bid(decision)
    prices, sizes, config = instrument.prices, instrument.sizes, instrument.config
    if min(sides.values()) <= 0:
        raise refusal.no_positive_price(config.symbol, f"{amount.text} {config.currency}")
    if not terms.is_in_term_currency:
        return min(lots_for(amount, ticks, prices, sizes, Rounding.DOWN) for ticks in sides.values())
    try:
        lots = [dealt_lots(amount, ticks, client_buys, prices, sizes) for client_buys, ticks in sides.items()]
    except ValueError as error:
        raise Refusal(refusal.MALFORMED, f"OrderQty (38) of {config.symbol}: {error}") from None
    return max(lots) if all(lots) else 0
