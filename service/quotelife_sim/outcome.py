"""The outcome of a quote with a given lifetime, from the market tape: the same rule for every expiry.

A client that intends to hit does so after its response time, whatever the market does. A sniper hits as soon as it sees
the market through the price. A hit is in time if it arrives while the quote is open. Whatever comes first at the desk
counts: the hit, the expiry, or the decision to withdraw.
"""

from typing import NamedTuple

from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, NS_PER_US
from quotelife_sim.clients.deal import EXPIRED, FILLED, MISSED, PICKED_OFF, WITHDRAWN
from quotelife_sim.clients.requests import SNIPER, Intention
from quotelife_sim.venue.history import History

VIEW_NS = NS_PER_MS  # delay of the sniper's market data
TRANSIT_NS = 200 * NS_PER_US  # from client to service, approximately
MARKOUT_NS = NS_PER_S


class Outcome(NamedTuple):
    kind: str
    hit_ns: int  # arrival of the hit, 0 without


def judge(intention: Intention, price_ticks: float, answered_ns: int, expires_ns: int, history: History) -> Outcome:
    """The outcome of a quote that lived from `answered_ns` to `expires_ns`."""
    if intention.style == SNIPER:
        seen_ns = VIEW_NS + intention.response_ns
        through_ns = history.through(intention.buys, price_ticks, answered_ns - VIEW_NS, expires_ns)
        if through_ns is None:
            return Outcome(EXPIRED, 0)
        arrival_ns = max(through_ns, answered_ns - VIEW_NS) + seen_ns + TRANSIT_NS
        return Outcome(PICKED_OFF, arrival_ns) if arrival_ns <= expires_ns else Outcome(EXPIRED, 0)
    if not intention.accepts:
        return Outcome(EXPIRED, 0)
    arrival_ns = answered_ns + intention.response_ns + TRANSIT_NS
    if arrival_ns > expires_ns:
        return Outcome(MISSED, 0)
    return Outcome(fill_kind(intention.buys, price_ticks, arrival_ns, history), arrival_ns)


def withdraw(outcome: Outcome, withdrawn_ns: int | None, expires_ns: int) -> Outcome:
    """The outcome of the same quote where the desk decides at `withdrawn_ns` to withdraw it; None: it does not."""
    if withdrawn_ns is None or withdrawn_ns >= expires_ns or 0 < outcome.hit_ns <= withdrawn_ns:
        return outcome
    return Outcome(WITHDRAWN, 0)


def judge_with_through(
    intention: Intention, price_ticks: float, answered_ns: int, expires_ns: int, history: History, own_ns: int
) -> Outcome:
    """As `judge`, for a desk that withdraws a quote `own_ns` after the market has come through its price."""
    outcome = judge(intention, price_ticks, answered_ns, expires_ns, history)
    through_ns = history.through(intention.buys, price_ticks, answered_ns, expires_ns)
    return withdraw(outcome, None if through_ns is None else through_ns + own_ns, expires_ns)


def fill_kind(buys: bool, price_ticks: float, at_ns: int, history: History) -> str:
    """PICKED_OFF if the client could close the trade in the market at once without a loss, else FILLED."""
    return FILLED if history.through(buys, price_ticks, at_ns, at_ns) is None else PICKED_OFF


def markout(buys: bool, price_ticks: float, hit_ns: int, history: History) -> float | None:
    """The desk's gain in ticks per unit against the mid a second after the fill; None where the tape has no mid."""
    mid = history.mid(hit_ns + MARKOUT_NS)
    if mid is None:
        return None
    return price_ticks - mid if buys else mid - price_ticks
