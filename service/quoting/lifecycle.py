"""Open quotes and positions, in memory.

A quote is open until its deadline, a hit, a pass or the end of its session. After that it is remembered for a while, so
that a late hit is told that it is late and not that the quote is unknown.
"""

import heapq
from collections import deque

from msgspec import Struct

from service.clock import NS_PER_S
from service.quoting.client_state import ClientState
from service.quoting.quoter import Quoted

OPEN, FILLED, EXPIRED, PASSED, VOIDED = range(5)
REMEMBERED_NS = 15 * NS_PER_S  # after the deadline
_AT_ONCE = 4  # quotes looked at per call: two may come with each request, so the heaps do not grow


class OpenQuote(Struct, gc=False):
    """A quote that was sent. `deadline_ns` is its ValidUntilTime on the monotonic clock, which no clock step moves;
    `message` is the text that went out."""

    quote_id: str
    quote_req_id: str
    session: str
    client: ClientState
    quoted: Quoted
    given_ns: int
    deadline_ns: int
    message: str
    state: int = OPEN

    def live(self, now_ns: int) -> bool:
        return self.state == OPEN and now_ns < self.deadline_ns


class Lifecycle:
    """All quotes of the process. One thread at a time."""

    def __init__(self, n_rows: int) -> None:
        self.positions = [0] * n_rows  # lots by instrument, positive: the desk is long
        self._quotes: dict[str, OpenQuote] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._over: deque[OpenQuote] = deque()  # in the order of their deadlines

    def open(self, quote: OpenQuote) -> None:
        """Keep a quote; from now on it can be hit."""
        self._quotes[quote.quote_id] = quote
        heapq.heappush(self._deadlines, (quote.deadline_ns, quote.quote_id))

    def find(self, quote_id: str) -> OpenQuote | None:
        """The quote of that id, open or remembered."""
        return self._quotes.get(quote_id)

    def fill(self, quote: OpenQuote, client_buys: bool, lots: int, now_ns: int) -> None:
        """The client has dealt on an open quote."""
        quote.state = FILLED
        self.positions[quote.quoted.row] += -lots if client_buys else lots

    def void(self, session: str) -> int:
        """End the open quotes of a session that is gone; how many there were."""
        open_quotes = [q for q in self._quotes.values() if q.session == session and q.state == OPEN]
        for quote in open_quotes:
            quote.state = VOIDED
        return len(open_quotes)

    def expire(self, now_ns: int) -> list[OpenQuote]:
        """End quotes whose deadline has passed, a few of them per call; those that were open until then."""
        expired = []
        for _ in range(_AT_ONCE):
            if not self._deadlines or self._deadlines[0][0] > now_ns:
                break
            quote = self._quotes[heapq.heappop(self._deadlines)[1]]
            if quote.state == OPEN:
                quote.state = EXPIRED
                expired.append(quote)
            self._over.append(quote)
        return expired

    def forget(self, now_ns: int) -> list[OpenQuote]:
        """Forget quotes that have been over for `REMEMBERED_NS`, a few of them per call, and return them."""
        forgotten = []
        for _ in range(_AT_ONCE):
            if not self._over or self._over[0].deadline_ns + REMEMBERED_NS > now_ns:
                break
            quote = self._over.popleft()
            del self._quotes[quote.quote_id]
            forgotten.append(quote)
        return forgotten
