"""The terms of one quote beside side, price and size: what was stated in its request, as its messages repeat it.

Prices of a decision are those of the instrument itself, which the market is compared with; the client deals at
`client_price`. A quote whose quantity is in the term currency is decided in lots of the base currency; its messages,
and the hits on it, are in the term currency, and Side (54) is that of the term currency.
"""

import msgspec
from msgspec import Struct

from quotelife.decision.multileg.multileg import opposite
from quotelife.decision.quoter import QuoteDecision
from quotelife.market.grid import Grid
from quotelife_models.enums import BUY, SELL

SOH = "\x01"


class QuoteTerms(Struct, frozen=True, gc=False, omit_defaults=True):
    """`repeated` are fields of the request, as text, for each message about the quote, `parties` its group of parties.
    `amount` is the quantity in the term currency, empty where it is in units of the instrument; `min_amount` is the
    smallest one that may be dealt, empty for any; `other_currency` is the one that a fill's amount is converted to. Of
    a forward, the points in ticks and the date; of a swap, also those of the far leg."""

    repeated: str = ""
    parties: str = ""
    amount: str = ""
    min_amount: str = ""
    other_currency: str = ""
    tenor: str = ""
    date: str = ""
    bid_points: int = 0
    offer_points: int = 0
    far_date: str = ""
    far_bid_points: int = 0
    far_offer_points: int = 0

    @property
    def is_forward(self) -> bool:
        return bool(self.tenor)

    @property
    def is_swap(self) -> bool:
        return bool(self.far_date)

    @property
    def is_in_term_currency(self) -> bool:
        return bool(self.amount)

    def side_of_instrument(self, side: int) -> int:
        """The side of the instrument where the client states `side`, and the reverse."""
        return opposite(side) if self.amount else side

    def bid(self, decision: QuoteDecision) -> int:
        """The price in ticks at which the client sells the instrument."""
        return decision.bid_ticks + self.bid_points

    def offer(self, decision: QuoteDecision) -> int:
        """The price in ticks at which the client buys the instrument."""
        return decision.offer_ticks + self.offer_points

    def settlement_fields(self, repeated: str) -> str:
        """SettlDate (64) and SettlDate2 (193) where the quote is not for the instrument's own date, and the message
        does not have them in its `repeated` fields."""
        near = f"64={self.date}{SOH}" if self.tenor and self.date and f"{SOH}64=" not in SOH + repeated else ""
        far = f"193={self.far_date}{SOH}" if self.far_date and f"{SOH}193=" not in SOH + repeated else ""
        return near + far

    def quoted_fields(self, decision: QuoteDecision, prices: Grid) -> str:
        """What a Quote or a QuoteStatusReport repeats, and the spot prices and points of a forward or swap."""
        parts = [self.repeated, self.settlement_fields(self.repeated), self.parties]
        if self.tenor or self.far_date:
            sides = [(BUY, 190, 191, 643, decision.offer_ticks, self.offer_points, self.far_offer_points)]
            sides.append((SELL, 188, 189, 642, decision.bid_ticks, self.bid_points, self.far_bid_points))
            for side, spot_tag, points_tag, far_tag, spot, points, far_points in sides:
                if decision.side in (0, side):
                    parts.append(f"{spot_tag}={prices.text(spot)}{SOH}{points_tag}={prices.text(points)}{SOH}")
                    if self.far_date:
                        parts.append(f"{far_tag}={prices.text(far_points)}{SOH}")
        return "".join(parts)

    def dealt_fields(
        self, decision: QuoteDecision, side: int, lots: int, prices: Grid, sizes: Grid, repeated: str
    ) -> str:
        """What the ExecutionReport of a fill adds to its `repeated` fields; `side` is the client's."""
        parts = [self.settlement_fields(repeated)]
        buys = side == BUY
        if self.tenor or self.far_date:
            spot = decision.offer_ticks if buys else decision.bid_ticks
            points = self.offer_points if buys else self.bid_points
            parts.append(f"194={prices.text(spot)}{SOH}195={prices.text(points)}{SOH}")
            if self.far_date:
                parts.append(f"641={prices.text(self.far_offer_points if buys else self.far_bid_points)}{SOH}")
        if self.amount:
            parts.append(f"119={sizes.short(lots)}{SOH}120={self.other_currency}{SOH}")
        return "".join(parts)


NO_TERMS = QuoteTerms()


def encode(terms: QuoteTerms) -> bytes:
    """The terms for the journal."""
    return msgspec.json.encode(terms)


_decoder = msgspec.json.Decoder(QuoteTerms)


def decode(text: bytes) -> QuoteTerms:
    """The terms of a journal record."""
    return _decoder.decode(text)
