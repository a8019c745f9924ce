"""Conditions of a request for its quote, and of a hit for its fill.

A request may have a Price (44), a MinQty (110), and be all-or-none (ExecInst 18=G). Price is the worst price that the
client accepts: the quote is refused if its price is worse. MinQty is the smallest quantity that may be dealt: a hit for
less is refused. All-or-none is a MinQty of the whole quantity. A hit may repeat the quote's prices and sizes, and say
until when it may be filled.
"""

from decimal import Decimal

from quotelife.decision import refusal
from quotelife.decision.multileg.multileg import Multileg
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.decision.quoter import QuoteDecision
from quotelife.decision.refusal import Refusal
from quotelife.decision.request import RelatedSymbol
from quotelife.market.grid import Grid
from quotelife.rfq import messages
from quotelife.rfq.open_quotes import OpenQuote
from quotelife.rfq.terms.amounts import Amount
from quotelife.rfq.terms.quote_terms import NO_TERMS, QuoteTerms
from quotelife.runtime.clock import parse_utc_timestamp
from quotelife_models.enums import BUY

_NAMES = {
    "62": "ValidUntilTime (62)",
    "126": "ExpireTime (126)",
    "132": "BidPx (132)",
    "133": "OfferPx (133)",
    "134": "BidSize (134)",
    "135": "OfferSize (135)",
}
OF_HITS = (*_NAMES, "110")  # conditions of a hit, by tag


def smallest_lots(related: RelatedSymbol, quote: OpenQuote, quoted: QuotedInstrument | Multileg) -> int:
    """Check the conditions of a request that has some; returns the smallest hit in lots, 0 for any, also where the
    smallest is an amount, that of the terms. Raises `Refusal` where its quote does not meet them."""
    decision, terms, sizes = quote.decision, quote.terms or NO_TERMS, quoted.sizes
    if related.limit_price:
        _check_limit(related, decision, terms, quoted.prices)
    if not related.min_quantity:
        return 0
    try:
        if terms.amount:
            lots = 0
            is_more = not Amount(related.min_quantity, may_be_zero=True) <= Amount(terms.amount)
        elif related.min_quantity == related.quantity or not related.quantity:
            return decision.size_lots
        else:
            lots = sizes.units(related.min_quantity)
            is_more = not 0 <= lots <= decision.size_lots
    except ValueError as error:
        raise Refusal(refusal.MALFORMED, f"MinQty (110) of {related.symbol}: {error}") from None
    if is_more:
        text = f"MinQty (110) of {related.symbol} is {related.min_quantity}; allowed: up to {related.quantity}"
        raise Refusal(refusal.MALFORMED, text)
    return lots


def _check_limit(related: RelatedSymbol, decision: QuoteDecision, terms: QuoteTerms, prices: Grid) -> None:
    if not messages.is_number(related.limit_price):
        text = f"Price (44) of {related.symbol} is '{related.limit_price[:80]}'; allowed: a number"
        raise Refusal(refusal.MALFORMED, text)
    limit, buys = Decimal(related.limit_price), decision.side == BUY
    price = Decimal(prices.text(terms.offer(decision) if buys else terms.bid(decision)))
    if price > limit if buys else price < limit:
        text = f"the price for {related.quantity} of {related.symbol} is worse than Price (44) {related.limit_price}"
        raise Refusal(refusal.PRICE_LIMIT, text)


def unmet_condition(
    conditions: dict[str, str], quote: OpenQuote, lots: int, quantity: str, prices: Grid, sizes: Grid, wall_ns: int
) -> str:
    """The Text (58) for a hit that states a price or a size which is not the quote's, or a time that has passed; empty
    if it can be filled. `conditions` by tag, of a hit for `quantity`, which are `lots`, received at `wall_ns`."""
    decision, terms = quote.decision, quote.terms or NO_TERMS
    for tag, value in conditions.items():
        if tag in ("132", "133"):
            units = terms.bid(decision) if tag == "132" else terms.offer(decision)
            if not _is_same(prices, value, units):
                return f"{_NAMES[tag]} is {value}; the quote's is {prices.short(units)}"
        elif tag in ("134", "135"):
            size = terms.amount or sizes.short(decision.size_lots)
            if not (_is_same_amount(value, size) if terms.amount else _is_same(sizes, value, decision.size_lots)):
                return f"{_NAMES[tag]} is {value}; the quote's is {size}"
        elif tag == "110":
            dealt = quantity or terms.amount or sizes.short(lots)
            if not (_is_at_most_amount(value, dealt) if terms.amount else _is_at_most(sizes, value, lots)):
                return f"MinQty (110) is {value}; the quantity of the hit is {dealt}"
        elif _has_passed(value, wall_ns):
            return f"{_NAMES[tag]} is '{value}', which has passed or is no time"
    return ""


def _is_same_amount(value: str, amount: str) -> bool:
    try:
        return Amount(value) <= Amount(amount) <= Amount(value)
    except ValueError:
        return False


def _is_at_most_amount(value: str, amount: str) -> bool:
    try:
        return Amount(value, may_be_zero=True) <= Amount(amount)
    except ValueError:
        return False


def _is_same(grid: Grid, value: str, units: int) -> bool:
    try:
        return grid.units(value) == units
    except ValueError:
        return False


def _is_at_most(grid: Grid, value: str, units: int) -> bool:
    try:
        return grid.units(value) <= units
    except ValueError:
        return False


def _has_passed(value: str, wall_ns: int) -> bool:
    try:
        return parse_utc_timestamp(value) <= wall_ns
    except ValueError:
        return True
