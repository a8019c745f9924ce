"""A request as the decision sees it: an instrument or a multileg, a side, a quantity. It knows no FIX.

`quotelife.rfq.quote_request` reads it from a QuoteRequest, `quotelife.api.decider` from a document.
"""

from msgspec import Struct

from quotelife.controls import layout

MAX_LEGS = 8
MAX_RATIO = 1000
BY_RULES = layout.BY_RULES  # instead of the index of an expiry model: the configured rules select it


class Leg(Struct, frozen=True, gc=False):
    """A requested leg. `side` is BUY where the client that buys the multileg buys the leg, SELL where it sells the leg;
    `quantity` may be empty, because it follows from the ratio."""

    symbol: str
    side: int
    ratio: int
    quantity: str
    stated: dict[str, str] | None = None  # as of a RelatedSymbol, under the tags of an instrument


class RelatedSymbol(Struct, frozen=True, gc=False):
    """One entry of a request. `until_ns` is the client's own limit (wall clock), 0 without one; `legs` are those of a
    multileg, empty for an instrument; `n_legs` is their number, 1 for an instrument. `limit_price` is the worst price
    that the client accepts, `min_quantity` the smallest quantity that may be dealt; empty without one. `stated` are
    fields by tag that say what is asked for beside these, None if there are none; the decision does not read them, see
    `quotelife.rfq.terms.resolver`."""

    symbol: str
    side: int
    quantity: str
    until_ns: int
    n_legs: int
    legs: tuple[Leg, ...] = ()
    limit_price: str = ""
    min_quantity: str = ""
    stated: dict[str, str] | None = None
