"""Open quotes and positions, in memory.

A quote stands until its deadline, a hit, a pass, a withdrawal, a cancel by its client or the end of its session. After
that it is remembered for a while, so that a late hit is told that it is late and not that the quote is unknown.

What reached the service first counts. A hit is compared by the time of its receipt with the deadline and with the time
at which the quote was ended; in which order the two came to be worked on does not matter. So a hit that crosses a
QuoteCancel on the wire is filled if it was received before the service decided to withdraw, and refused as withdrawn
if it was received after.
"""

import heapq
from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from quotelife.decision.client_state import ClientState
from quotelife.decision.quoter import QuoteDecision
from quotelife.ledger.quote_state import EXPIRED, OPEN, RESERVED, QuoteState
from quotelife.runtime.clock import NS_PER_S

REMEMBERED_NS = 15 * NS_PER_S  # after the deadline
MOST_REMEMBERED = 16_384  # of those that are over: at more than a thousand quotes a second, for less long
_AT_ONCE = 4  # quotes looked at per call: two may come with each request, so the heaps do not grow

Changes = Sequence[tuple[int, int]]  # (row, lots that are added to the desk's position)


class OpenQuote(Struct, gc=False):
    """A quote that was sent. `deadline_ns` is its ValidUntilTime on the monotonic clock, which no clock step moves;
    `message` is the text that went out, empty once it has expired. `ended_ns` (monotonic) is set where it was ended
    before its time."""

    quote_id: str
    quote_req_id: str
    session: str
    client: ClientState
    decision: QuoteDecision
    issued_ns: int
    issued_wall_ns: int
    deadline_ns: int
    message: str
    state: QuoteState = OPEN
    ended_ns: int = 0
    slot: int = -1  # on the watchlist

    def is_live(self, now_ns: int) -> bool:
        return self.state == OPEN and now_ns < self.deadline_ns

    def end(self, state: QuoteState, now_ns: int) -> None:
        """End it before its time."""
        self.state, self.ended_ns = state, now_ns


def position_changes(decision: QuoteDecision, client_buys: bool, lots: int) -> Changes:
    """What a fill adds to the desk's positions: a client that buys makes the desk shorter."""
    if decision.multileg is not None:
        return decision.multileg.position_changes(client_buys, lots)
    return ((decision.row, -lots if client_buys else lots),)


class OpenQuotes:
    """All quotes of the process. One thread at a time."""

    def __init__(self, n_rows: int) -> None:
        self.positions = [0] * n_rows  # lots by instrument, positive: the desk is long
        self._quotes: dict[str, OpenQuote] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._over: deque[OpenQuote] = deque()  # in the order of their deadlines

    def add(self, quote: OpenQuote) -> None:
        """From now on the quote can be hit."""
        self._quotes[quote.quote_id] = quote

    def schedule_expiry(self, quote: OpenQuote) -> None:
        """Let `expire` find the quote at its deadline. Not part of `add`, for which a client waits."""
        heapq.heappush(self._deadlines, (quote.deadline_ns, quote.quote_id))

    def find(self, quote_id: str) -> OpenQuote | None:
        """The quote of that id, open or remembered."""
        return self._quotes.get(quote_id)

    def reserve(self, quote: OpenQuote, changes: Changes) -> QuoteState:
        """A hit on the quote is to be filled: nobody else gets it, and the positions count. Its state until now."""
        before = quote.state
        quote.state = RESERVED
        self._move(changes, 1)
        return before

    def release(self, quote: OpenQuote, state: QuoteState, changes: Changes) -> None:
        """It could not be filled after all."""
        quote.state = state
        self._move(changes, -1)

    def _move(self, changes: Changes, sign: int) -> None:
        for row, lots in changes:
            self.positions[row] += sign * lots

    def of_session(self, session: str) -> list[OpenQuote]:
        """The open quotes of a session, oldest first."""
        return [q for q in self._quotes.values() if q.session == session and q.state == OPEN]

    @property
    def running(self) -> int:
        """Quotes whose deadline has not been seen to pass."""
        return len(self._deadlines)

    def expire(self, now_ns: int) -> list[OpenQuote]:
        """Quotes whose deadline has passed, a few of them per call. Those that were open until then expire."""
        due = []
        for _ in range(_AT_ONCE):
            if not self._deadlines or self._deadlines[0][0] > now_ns:
                break
            quote = self._quotes[heapq.heappop(self._deadlines)[1]]
            if quote.state == OPEN:
                quote.state = EXPIRED
            quote.message = ""  # it is sent again only while the quote is live
            due.append(quote)
            self._over.append(quote)
        return due

    def evict(self, now_ns: int) -> list[OpenQuote]:
        """Forget quotes that have been over for `REMEMBERED_NS`, or the oldest of too many, a few of them per call, and
        return them."""
        forgotten: list[OpenQuote] = []
        over = self._over
        while over and len(forgotten) < _AT_ONCE:
            if len(over) <= MOST_REMEMBERED and over[0].deadline_ns + REMEMBERED_NS > now_ns:
                break
            quote = over.popleft()
            del self._quotes[quote.quote_id]
            forgotten.append(quote)
        return forgotten
