"""Side, quantity and price of a hit, against its quote."""

from quotelife.decision.multileg.multileg import Multileg
from quotelife.decision.quoted_instrument import QuotedInstrument
from quotelife.market.grid import Grid
from quotelife.rfq.open_quotes import OpenQuote
from quotelife.rfq.quote_request import FIX_SIDES
from quotelife.rfq.terms.amounts import Amount, dealt_lots
from quotelife.rfq.terms.quote_terms import NO_TERMS, QuoteTerms
from quotelife_models.enums import BUY, TWO_WAY

# OrdRejReason (103)
(UNKNOWN_SYMBOL, OVER_SIZE, TOO_LATE, UNKNOWN_ORDER, DUPLICATE_ORDER, STALE, UNSUPPORTED, INCORRECT_QUANTITY, OTHER) = (
    1, 3, 4, 5, 6, 8, 11, 13, 99,
)  # fmt: skip


class HitRefused(Exception):
    """The hit is not filled: OrdRejReason (103), the client's Text (58), and one of HIT_OUTCOMES."""

    def __init__(self, code: int, text: str, result: str = "refused") -> None:
        super().__init__(text)
        self.code, self.text, self.result = code, text, result


def instrument_side(response_side: str, quote: OpenQuote) -> int:
    """The side of the instrument that a hit with Side (54) `response_side` takes; that of the quote if it has none."""
    terms = quote.terms or NO_TERMS
    quoted = terms.side_of_instrument(quote.decision.side)
    side = FIX_SIDES.get(response_side) if response_side else quoted
    if not side:  # unknown, or that of a two-way quote
        found = f"is '{response_side}'" if response_side else "is missing"
        raise HitRefused(UNSUPPORTED, f"Side (54) {found}; allowed: 1 (buy), 2 (sell)")
    if quoted not in (TWO_WAY, side):
        raise HitRefused(UNSUPPORTED, f"quote {quote.quote_id} is for Side (54) {quoted}, not {side}")
    return terms.side_of_instrument(side)


def hit_lots(quantity: str, quote: OpenQuote, side: int, instrument: QuotedInstrument | Multileg) -> int:
    """The lots of a hit for OrderQty (38) `quantity`, all of the quote if that is empty."""
    sizes, terms = instrument.sizes, quote.terms
    if terms is not None and terms.amount:
        return _lots_of_amount(quantity or terms.amount, quote, terms, side, instrument)
    if not quantity:
        return quote.decision.size_lots
    try:
        lots = sizes.units(quantity)
    except ValueError as error:
        raise HitRefused(INCORRECT_QUANTITY, f"OrderQty (38): {error}") from None
    if not 0 < lots <= quote.decision.size_lots:
        most = sizes.short(quote.decision.size_lots)
        code = OVER_SIZE if lots > 0 else INCORRECT_QUANTITY
        raise HitRefused(code, f"OrderQty (38) is {quantity}; allowed: above 0, up to {most}")
    return lots


def _lots_of_amount(
    text: str, quote: OpenQuote, terms: QuoteTerms, side: int, instrument: QuotedInstrument | Multileg
) -> int:
    """The lots of an amount of the term currency at the price of that side."""
    ticks = terms.offer(quote.decision) if side == BUY else terms.bid(quote.decision)
    try:
        amount = Amount(text)
        is_more = not amount <= Amount(terms.amount)
        is_less = bool(terms.min_amount) and not Amount(terms.min_amount, may_be_zero=True) <= amount
        lots = 0 if is_more or is_less else dealt_lots(amount, ticks, side == BUY, instrument.prices, instrument.sizes)
    except ValueError as error:
        raise HitRefused(INCORRECT_QUANTITY, f"OrderQty (38): {error}") from None
    if is_more:
        raise HitRefused(OVER_SIZE, f"OrderQty (38) is {text}; allowed: above 0, up to {terms.amount}")
    if is_less:
        refused = f"OrderQty (38) is {text}; the request allows no hit for less than {terms.min_amount}"
        raise HitRefused(INCORRECT_QUANTITY, refused)
    if lots < 1:
        raise HitRefused(INCORRECT_QUANTITY, f"OrderQty (38) is {text}, less than one lot, {instrument.sizes.step}")
    return lots


def check_price(price: str, quote: OpenQuote, side: int, prices: Grid) -> None:
    """Refuse a Price (44) that is not the quote's."""
    if not price:
        return
    terms = quote.terms or NO_TERMS
    ticks = terms.offer(quote.decision) if side == BUY else terms.bid(quote.decision)
    try:
        same = prices.units(price) == ticks
    except ValueError:
        same = False
    if not same:
        raise HitRefused(OTHER, f"Price (44) is {price}; the quote's price is {prices.text(ticks)}")
