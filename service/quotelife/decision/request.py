"""What is asked for: one instrument or package, a side, a quantity. Free of FIX; `quotelife.rfq.quote_request` reads
it."""

from msgspec import Struct

MAX_LEGS = 8
MAX_RATIO = 1000
TWO_WAY, BUY, SELL = 0, 1, 2  # what the client wants to do; values of Side (54) but for the first
BY_RULES = -1  # instead of the index of an expiry model


class Leg(Struct, frozen=True, gc=False):
    """A leg as asked for: `side` is BUY where the client that buys the package gets it, SELL where it gives it;
    `quantity` may be empty, for it follows from the ratio."""

    symbol: str
    side: int
    ratio: int
    quantity: str


class Related(Struct, frozen=True, gc=False):
    """What is asked for one symbol. `until_ns` is the client's own limit (wall clock), 0 if it gave none; `package` are
    its legs, `legs` is their number, 1 without any."""

    symbol: str
    side: int
    quantity: str
    until_ns: int
    legs: int
    package: tuple[Leg, ...] = ()
