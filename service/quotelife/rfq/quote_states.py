"""The states of a quote in FIX terms, and the endings that a client reports with a QuoteResponse.

QuoteStatus (297) of FIX.4.4 has no value for a filled quote: it is "removed from market" (6), and the Text says filled.
A quote that was withdrawn, or cancelled by its client, is "canceled for symbol" (1).
"""

from decimal import Decimal
from typing import NamedTuple

from quotelife.ledger.quote_state import (
    CANCELLED,
    EXPIRED,
    FILLED,
    INDICATIVE,
    OPEN,
    PASSED,
    REPLACED,
    RESERVED,
    VOIDED,
    WITHDRAWN,
)
from quotelife.market.grid import Grid
from quotelife.metrics.labels import PASS_KINDS
from quotelife.rfq import messages
from quotelife.rfq.open_quotes import OpenQuote

# QuoteStatus (297)
(ACCEPTED, CANCELED_FOR_SYMBOL, CANCELED_ALL, REJECTED, REMOVED_FROM_MARKET, EXPIRED_STATUS, NOT_FOUND, PASS) = (
    0, 1, 4, 5, 6, 7, 9, 11,
)  # fmt: skip

STATUS_OF_STATE: dict[str, tuple[int, str]] = {
    OPEN: (ACCEPTED, "open"),
    RESERVED: (REMOVED_FROM_MARKET, "filled"),
    FILLED: (REMOVED_FROM_MARKET, "filled"),
    EXPIRED: (EXPIRED_STATUS, "expired"),
    PASSED: (PASS, "passed on by the client"),
    VOIDED: (CANCELED_FOR_SYMBOL, "ended with its session"),
    WITHDRAWN: (CANCELED_FOR_SYMBOL, "withdrawn"),
    CANCELLED: (CANCELED_FOR_SYMBOL, "cancelled by the client"),
    REPLACED: (CANCELED_FOR_SYMBOL, "replaced by a newer quote"),
    INDICATIVE: (ACCEPTED, "indicative; it cannot be hit"),
}

_MAX_PRICE_CHARS = 32


class Ending(NamedTuple):
    """What a QuoteRespType (694) says about a quote that its client will not hit: one of PASS_KINDS, and the
    QuoteStatus and Text of the answer."""

    kind: str
    status: int
    text: str

    @property
    def kind_index(self) -> int:
        """Into PASS_KINDS, for the journal."""
        return PASS_KINDS.index(self.kind)


ENDINGS = {
    "3": Ending("expired", EXPIRED_STATUS, "expired"),
    "4": Ending("cover", PASS, "cover"),
    "5": Ending("done_away", PASS, "done away"),
    "6": Ending("passed", PASS, "passed"),
    "7": Ending("end_trade", PASS, "trade ended"),
    "8": Ending("timed_out", EXPIRED_STATUS, "timed out"),
    "9": Ending("tied", PASS, "tied"),
    "10": Ending("tied_cover", PASS, "tied cover"),
}


def status_of(quote: OpenQuote, now_ns: int) -> tuple[int, str]:
    """QuoteStatus (297) and Text of a quote in memory, at a monotonic time."""
    state = EXPIRED if quote.state == OPEN and not quote.is_live(now_ns) else quote.state
    return STATUS_OF_STATE[state]


def reported_price_ticks(text: str, prices: Grid) -> float | None:
    """The price in an ending in ticks of the quote, which need not be whole; None if it is not a FIX Price."""
    if len(text) > _MAX_PRICE_CHARS or not messages.is_number(text):
        return None
    return float(Decimal(text) / Decimal(prices.step))
