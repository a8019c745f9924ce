"""Open quotes and positions, in memory.

A quote is open until its deadline, a hit, a pass, a withdrawal, a cancel by its client or the end of its session. It
stays in memory for a while after that, so that a late hit is refused as late and not as a hit on an unknown quote.

What reached the service first counts: the receipt time of a hit is compared with the deadline and with the time at
which the quote ended, in whichever order the two are processed. So a hit that crosses a QuoteCancel on the wire is
filled if it was received before the service decided to withdraw, and refused as withdrawn if it was received after.
"""

import heapq
from collections import deque
from collections.abc import Callable, Sequence

from msgspec import Struct

from quotelife.decision.client_state import ClientState
from quotelife.decision.exposure import Exposure
from quotelife.decision.quoter import QuoteDecision
from quotelife.ledger.quote_state import EXPIRED, OPEN, RESERVED, QuoteState
from quotelife.rfq.terms.quote_terms import QuoteTerms
from quotelife.runtime.clock import NS_PER_S

REMEMBERED_NS = 15 * NS_PER_S  # after the deadline
MAX_REMEMBERED = 16_384  # quotes past their deadline; above a thousand quotes a second the time gets shorter
_PER_CALL = 4  # quotes processed per call, so that no request waits for many; the poll works off what is left

Changes = Sequence[tuple[int, int, int]]  # (row, lots added to the desk's position, price in ticks)


class OpenQuote(Struct, gc=False):
    """A quote that was sent. `deadline_ns` is its ValidUntilTime on the monotonic clock, which a clock step does not
    move; `message` is the text that was sent, empty after the deadline, and where a kernel wrote it: then `quantity` is
    the requested one, from which it can be written again. `ended_ns` (monotonic) is set where the quote ended before
    its ValidUntilTime, and `board_change_ns` to the receipt of the market data for which it was withdrawn, but not to a
    time before the quote. `min_lots` is the smallest hit that the request allows, 0 for any; `terms` are those of a
    quote whose request stated some."""

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
    board_change_ns: int = 0
    slot: int = -1  # on the watchlist
    min_lots: int = 0
    terms: QuoteTerms | None = None
    quantity: str = ""

    def is_live(self, now_ns: int) -> bool:
        return self.state == OPEN and now_ns < self.deadline_ns

    def end(self, state: QuoteState, now_ns: int) -> None:
        """End the quote before its ValidUntilTime."""
        self.state, self.ended_ns = state, now_ns


def position_changes(decision: QuoteDecision, terms: QuoteTerms, client_buys: bool, lots: int) -> Changes:
    """The changes of the desk's positions by a fill: a client that buys makes the desk shorter. The desk buys at its
    bid and sells at its offer, also each leg of a multileg; a forward at the price dealt, with its points. A swap
    changes none: it buys as much as it sells."""
    if terms.is_swap:
        return ()
    if decision.multileg is None:
        row = decision.row
        return ((row, -lots, terms.offer(decision)) if client_buys else (row, lots, terms.bid(decision)),)
    moves = decision.multileg.position_changes(client_buys, lots)
    return tuple(
        (row, moved, bid if moved > 0 else offer)
        for (row, moved), (bid, offer) in zip(moves, decision.leg_prices, strict=True)
    )


class OpenQuotes:
    """All quotes of the process, and the positions that their fills move. One thread at a time."""

    def __init__(self, exposure: Exposure) -> None:
        self._exposure = exposure
        self.positions = exposure.lots  # by instrument, positive: the desk is long
        self._quotes: dict[str, OpenQuote] = {}
        self._deadlines: list[tuple[int, str]] = []
        self.before_read: Callable[[], None] = lambda: None  # adds the quotes that have left a moment ago
        self._past: deque[OpenQuote] = deque()  # past their deadline, in the order of the deadlines

    def add(self, quote: OpenQuote) -> None:
        """Add a quote, which can be hit from now on."""
        self._quotes[quote.quote_id] = quote

    def schedule_expiry(self, quote: OpenQuote) -> None:
        """Let `expire` find the quote at its deadline. Not part of `add`, because the client waits for that."""
        heapq.heappush(self._deadlines, (quote.deadline_ns, quote.quote_id))

    def find(self, quote_id: str) -> OpenQuote | None:
        """The quote with that id, open or ended; None if it is not in memory."""
        self.before_read()
        return self._quotes.get(quote_id)

    def reserve(self, quote: OpenQuote, changes: Changes) -> QuoteState:
        """Reserve the quote for a hit, and change the positions. Returns the state before."""
        before = quote.state
        quote.state = RESERVED
        self._move(quote.client, changes, 1)
        return before

    def release(self, quote: OpenQuote, state: QuoteState, changes: Changes) -> None:
        """Undo `reserve` for a hit that could not be filled."""
        quote.state = state
        self._move(quote.client, changes, -1)

    def _move(self, client: ClientState, changes: Changes, sign: int) -> None:
        for row, lots, _ in changes:
            self._exposure.move(row, sign * lots)
            self._exposure.move_client(client.index, row, sign * lots)

    def of_session(self, session: str) -> list[OpenQuote]:
        """The open quotes of a session, oldest first."""
        self.before_read()
        return [q for q in self._quotes.values() if q.session == session and q.state == OPEN]

    @property
    def running(self) -> int:
        """Number of quotes that `expire` has not returned yet."""
        return len(self._deadlines)

    def expire(self, now_ns: int) -> list[OpenQuote]:
        """The quotes whose deadline has passed, a few per call. Those that were still open expire."""
        due = []
        for _ in range(_PER_CALL):
            if not self._deadlines or self._deadlines[0][0] > now_ns:
                break
            quote = self._quotes[heapq.heappop(self._deadlines)[1]]
            if quote.state == OPEN:
                quote.state = EXPIRED
            quote.message = ""  # it is repeated only while the quote is live
            due.append(quote)
            self._past.append(quote)
        return due

    def evict(self, now_ns: int) -> list[OpenQuote]:
        """Drop quotes `REMEMBERED_NS` after their deadline, or earlier above `MAX_REMEMBERED`; returns those dropped, a
        few per call."""
        evicted: list[OpenQuote] = []
        past = self._past
        while past and len(evicted) < _PER_CALL:
            if len(past) <= MAX_REMEMBERED and past[0].deadline_ns + REMEMBERED_NS > now_ns:
                break
            quote = past.popleft()
            del self._quotes[quote.quote_id]
            evicted.append(quote)
        return evicted
