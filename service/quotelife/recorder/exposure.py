"""Exposure of quotes: how far a request was put to its client, which a quote without a hit has to be weighed by.

A client hits a request with probability r, after a time with distribution F. A quote that was open for a time t without
a hit is a censored observation: the client may not have wanted it, or may have been slower than t. The expected number
of hits on a quote that was open for t (until the hit, if there is one) is

    H(t) = -log(1 - r F(t)),    and r is estimated by    r = hits / sum of H(t) / r

(the compensator of the counting process of hits; Andersen and Gill, 1982). H(t) / r is the quote's exposure: zero if
nobody had time to hit it, about F(t) for a client that seldom hits, more where a client that often hits did not. t is
the time the quote was actually open: until it was hit, expired, withdrawn, voided or replaced. All but the hit say
nothing about what the client wanted. A pass or a cancel by the client is final, as if the quote had been open for ever.

The quotes of a subscription are one question, asked repeatedly: their times add up, so a subscription is exposed once,
however often it is quoted. Response times are still measured from the quote that was hit, because that is what a
lifetime has to allow for.
"""

import heapq
import math

from msgspec import Struct

from quotelife.runtime.clock import NS_PER_MS, NS_PER_S
from quotelife_models.response import responded

_MIN_FILL_RATE, _MAX_FILL_RATE = 1e-3, 0.98  # outside, one quote would weigh more than a hundred
_MAX_GAP_NS = 60 * NS_PER_S  # between two quotes of a subscription

Key = tuple[str, str, str]  # identifies a request, and a symbol of it


class ExposedQuote(Struct, gc=False):
    """A quote that may still be hit. Times are wall clock.

    `earlier_ns` is how long earlier quotes of its subscription were open; mu and sigma are those of the logarithm of
    the client's response time in ms.
    """

    quote_id: str
    client: int
    key: Key
    issued_ns: int
    valid_until_ns: int
    mu: float
    sigma: float
    subscribed: bool
    earlier_ns: int = 0


class EndedExposure(Struct, frozen=True, gc=False):
    """The end of a quote: the share of the client's response times that was covered before it, and with it."""

    client: int
    before: float
    after: float


class ExposureTracker:
    """The quotes whose end is not known yet."""

    def __init__(self) -> None:
        self._open: dict[str, ExposedQuote] = {}
        self._by_end: list[tuple[int, str]] = []
        self._newest: dict[Key, str] = {}
        self._subscriptions: dict[Key, tuple[int, int]] = {}  # how long it was open, when its last quote ended

    def __len__(self) -> int:
        return len(self._open)

    def open(self, quote: ExposedQuote) -> EndedExposure | None:
        """Add a quote. Returns the end of the previous one of the same subscription if that was not known yet."""
        ended, newest = None, self._open.get(self._newest.get(quote.key, ""))
        if newest is not None and quote.issued_ns > newest.issued_ns:
            ended = self.end(newest.quote_id, quote.issued_ns)
        quote.earlier_ns, _ = self._subscriptions.pop(quote.key, (0, 0))
        self._open[quote.quote_id] = quote
        self._newest[quote.key] = quote.quote_id
        heapq.heappush(self._by_end, (quote.valid_until_ns, quote.quote_id))
        return ended

    def end(self, quote_id: str, at_ns: int) -> EndedExposure | None:
        """A quote has ended, by a hit or without one; None if that is known already."""
        quote = self._open.pop(quote_id, None)
        if quote is None:
            return None
        if self._newest.get(quote.key) == quote_id:
            del self._newest[quote.key]
        open_ns = quote.earlier_ns + max(min(at_ns, quote.valid_until_ns) - quote.issued_ns, 0)
        if quote.subscribed:
            self._subscriptions[quote.key] = open_ns, at_ns
        return EndedExposure(quote.client, _share(quote, quote.earlier_ns), _share(quote, open_ns))

    def expire(self, before_ns: int) -> list[EndedExposure]:
        """End the quotes whose ValidUntilTime is before a time."""
        ended = []
        while self._by_end and self._by_end[0][0] < before_ns:
            until_ns, quote_id = heapq.heappop(self._by_end)
            one = self.end(quote_id, until_ns)
            if one is not None:
                ended.append(one)
        return ended

    def forget_ended(self, now_ns: int) -> None:
        """Forget the subscriptions that no quote will continue."""
        old = [key for key, (_, at_ns) in self._subscriptions.items() if at_ns < now_ns - _MAX_GAP_NS]
        for key in old:
            del self._subscriptions[key]


def _share(quote: ExposedQuote, open_ns: int) -> float:
    """Share of the client's responses that come within a time."""
    return responded(quote.mu, quote.sigma, math.log(open_ns / NS_PER_MS)) if open_ns > 0 else 0.0


def exposure(share: float, fill_rate: float) -> float:
    """H(t) / r of the module's formula, for F(t) and r."""
    r = min(max(fill_rate, _MIN_FILL_RATE), _MAX_FILL_RATE)
    return -math.log1p(-r * share) / r
