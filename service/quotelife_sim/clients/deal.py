"""One request of a client from sending to outcome, as the client sees it.

Times are monotonic unless the name says otherwise.
"""

import msgspec

from quotelife_sim.clients.requests import Intention

# outcomes
OPEN = "open"
FILLED = "filled"  # hit in time
PICKED_OFF = "picked off"  # hit in time, with the market already through the price
MISSED = "missed"  # the client meant to hit, but only after the quote had expired
EXPIRED = "expired"
WITHDRAWN = "withdrawn"  # cancelled by the service after the market had moved, whether a hit was on its way or not
REFUSED = "refused"
UNANSWERED = "unanswered"
FILLS = (FILLED, PICKED_OFF)
TOO_LATE, STALE = 4, 8  # OrdRejReason (103) of a hit on an expired, and on a withdrawn quote


class Deal(msgspec.Struct, kw_only=True):
    intention: Intention
    outcome: str = OPEN
    intended_ns: int = 0  # scheduled time of sending; latency is measured from here
    sent_ns: int = 0
    answered_ns: int = 0
    request_id: str = ""  # QuoteReqID
    quote_id: str = ""
    bid: float | None = None  # in ticks, as all prices here
    offer: float | None = None
    valid_until_wall_ns: int = 0
    lifetime_ns: int = 0
    model: str = ""
    reason: str = ""  # of the lifetime, or of the refusal
    reject_code: int | None = None
    move_probability: float | None = None
    pick_off_probability: float | None = None
    expires_ns: int = 0
    hit_ns: int = 0  # when the client sent its hit; 0 without one or if it was refused
    refused_hit: int | None = None  # OrdRejReason (103) of a hit that was refused
    withdrawn_ns: int = 0  # when the client received the withdrawal; 0 without one
    hit_through: bool = False  # whether the market was through the price at that time
    market: str = ""  # its state at the decision
    features: dict[str, float] = {}  # at the decision, from the service's journal

    @property
    def price(self) -> float | None:
        """The price on the side that the client means to deal on."""
        return self.offer if self.intention.buys else self.bid

    @property
    def quoted(self) -> bool:
        return self.price is not None
