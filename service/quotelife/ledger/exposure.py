"""How far a request was put to its client: what an open quote, hit or not, says about the client's fill rate.

A client hits a request with probability r, after a time with distribution F. A quote that was open for a time t without
a hit is censored there: the client may not have wanted it, or may have been slower than t. The hits that are to be
expected of a quote that was open for t (until the hit, where there is one) are

    H(t) = -log(1 - r F(t)),    and r is estimated by    r = hits / sum of H(t) / r

(the compensator of the counting process of hits; Andersen and Gill, 1982). H(t) / r is the quote's exposure: nothing if
nobody had the time to hit it, about F(t) for a client that seldom hits, more where a keen one lets it pass. t is the
time that it was actually open: until it was hit, expired, was withdrawn, voided or replaced, of which all but the hit
say nothing of what the client wanted. A "no" (a pass, or a cancel by the client) is final, as if it had been open for
ever.

The quotes of a subscription are one question that is put again and again: their times add up, and so it is exposed
once, however often it is quoted. Response times remain those since the quote that was hit, for that is what a quote's
lifetime has to allow.
"""

import heapq
import math

from msgspec import Struct

from quotelife.runtime.clock import NS_PER_MS, NS_PER_S
from quotelife_models.response import responded

_LEAST, _MOST = 1e-3, 0.98  # of r: beyond, one quote would weigh more than a hundred
_CONTINUED_WITHIN_NS = 60 * NS_PER_S  # a subscription's next quote comes sooner

Key = tuple[str, str, str]  # what tells requests apart, and the symbols of one


class Open(Struct, gc=False):
    """A quote that may still be hit. `subscribed` if it is one of a subscription, and `before_ns` how long those before
    it were open; mu and sigma are the client's, of the logarithm of its response time in ms. Times are wall clock."""

    quote_id: str
    client: int
    key: Key
    given_ns: int
    until_ns: int
    mu: float
    sigma: float
    subscribed: bool
    before_ns: int = 0


class Exposed(Struct, frozen=True, gc=False):
    """The end of a quote: the share of the client's responses that was allowed before it and with it."""

    client: int
    before: float
    after: float


class Exposures:
    """The quotes of which the end is not known yet."""

    def __init__(self) -> None:
        self._open: dict[str, Open] = {}
        self._ends: list[tuple[int, str]] = []
        self._newest: dict[Key, str] = {}
        self._over: dict[Key, tuple[int, int]] = {}  # of subscriptions: how long it was open, when it ended

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, quote: Open) -> Exposed | None:
        """A quote was given. The end of the one before it, where that is of the same subscription and not known yet."""
        ended, newest = None, self._open.get(self._newest.get(quote.key, ""))
        if newest is not None and quote.given_ns > newest.given_ns:
            ended = self.ended(newest.quote_id, quote.given_ns)
        quote.before_ns, _ = self._over.pop(quote.key, (0, 0))
        self._open[quote.quote_id] = quote
        self._newest[quote.key] = quote.quote_id
        heapq.heappush(self._ends, (quote.until_ns, quote.quote_id))
        return ended

    def ended(self, quote_id: str, at_ns: int) -> Exposed | None:
        """A quote is over, by a hit or without one until then; None if that is known already."""
        quote = self._open.pop(quote_id, None)
        if quote is None:
            return None
        if self._newest.get(quote.key) == quote_id:
            del self._newest[quote.key]
        open_ns = quote.before_ns + max(min(at_ns, quote.until_ns) - quote.given_ns, 0)
        if quote.subscribed:
            self._over[quote.key] = open_ns, at_ns
        return Exposed(quote.client, _share(quote, quote.before_ns), _share(quote, open_ns))

    def expire(self, before_ns: int) -> list[Exposed]:
        """Those whose time ended before that."""
        ended = []
        while self._ends and self._ends[0][0] < before_ns:
            until_ns, quote_id = heapq.heappop(self._ends)
            one = self.ended(quote_id, until_ns)
            if one is not None:
                ended.append(one)
        return ended

    def tidy(self, now_ns: int) -> None:
        """Forget what no quote will continue any more."""
        old = [key for key, (_, at_ns) in self._over.items() if at_ns < now_ns - _CONTINUED_WITHIN_NS]
        for key in old:
            del self._over[key]


def _share(quote: Open, open_ns: int) -> float:
    """Share of the client's responses that come in a time."""
    return responded(quote.mu, quote.sigma, math.log(open_ns / NS_PER_MS)) if open_ns > 0 else 0.0


def exposure(share: float, fill_rate: float) -> float:
    """H(t) / r of above, for F(t) and r."""
    r = min(max(fill_rate, _LEAST), _MOST)
    return -math.log1p(-r * share) / r
