"""Simulated clients: they send requests when due, watch the market, and hit quotes or let them expire.

Independent of the FIX engine: requests and hits leave through a `RequestSender`, answers arrive through `on_answer`
from any thread, deals leave through `emit` when they are quoted and when they end. One thread runs it. The service
alone decides whether a hit is filled.
"""

import heapq
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from quotelife.runtime.clock import NS_PER_S, mono_ns
from quotelife_sim.clients import deal as D
from quotelife_sim.clients.deal import Deal
from quotelife_sim.clients.requests import SNIPER, Intention
from quotelife_sim.outcome import VIEW_NS
from quotelife_sim.venue.tape import T_ASK, T_BID, T_INSTRUMENT, T_NS, Tape

UNANSWERED_NS = 5 * NS_PER_S
DRAIN_NS = 11 * NS_PER_S  # for open deals to end after the last request
_POLL_S = 0.001  # while a sniper has an open quote
_IDLE_S = 0.02
_HIT = "hit"
Top = tuple[int, int]


class RequestSender(Protocol):
    """Sends the messages of the clients."""

    def send(self, intention: Intention) -> str:
        """Send a QuoteRequest and return its QuoteReqID."""

    def hit(self, deal: Deal) -> None:
        """Send a hit at the quoted price."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A Quote or QuoteRequestReject; the answer to a hit, if `filled` is set; or a withdrawal."""

    number: int
    at_ns: int
    fields: dict[str, object]  # of Deal, prices in ticks
    filled: bool | None = None
    refused_hit: int | None = None  # OrdRejReason (103), if not filled
    withdrawn: bool = False


class DelayedMarket:
    """Best prices by instrument, read from the tape with a delay of `delay_ns`."""

    def __init__(self, tape: Tape, instruments: int, delay_ns: int) -> None:
        self.tape, self.delay_ns = tape, delay_ns
        self.tops: list[Top] = [(0, 0)] * instruments
        self._cursor = 0

    def advance(self, now_ns: int) -> Iterator[int]:
        """Read on to `now_ns`; yields the instrument at every change of its best prices."""
        rows, count = self.tape.rows, self.tape.count
        while self._cursor < count and rows[self._cursor, T_NS] <= now_ns - self.delay_ns:
            row = rows[self._cursor]
            self._cursor += 1
            instrument = int(row[T_INSTRUMENT])
            self.tops[instrument] = (int(row[T_BID]), int(row[T_ASK]))
            yield instrument


def is_through(buys: bool, price_ticks: float, top: Top) -> bool:
    """Whether a trade at this price could be closed in the market at once without a loss."""
    bid, ask = top
    return bid >= price_ticks and bid > 0 if buys else 0 < ask <= price_ticks


class ClientSimulator:
    """All simulated clients of one process."""

    def __init__(
        self,
        intentions: Iterator[Intention],
        symbols: Sequence[str],
        tape: Tape,
        sender: RequestSender,
        emit: Callable[[Deal], None],
    ) -> None:
        self._intentions, self._sender, self._emit = intentions, sender, emit
        self._instrument: Mapping[str, int] = {symbol: i for i, symbol in enumerate(symbols)}
        self._market = DelayedMarket(tape, len(symbols), 0)
        self._sniper_view = DelayedMarket(tape, len(symbols), VIEW_NS)
        self._watched: dict[int, dict[int, Deal]] = {i: {} for i in range(len(symbols))}  # snipers' open quotes
        self._watching = 0
        self._open: dict[int, Deal] = {}
        self._timers: list[tuple[int, int, str]] = []
        self._answers: deque[Answer] = deque()
        self._wake = threading.Event()
        self._stopped = False

    def on_answer(self, answer: Answer) -> None:
        """Queue an answer; called by the engine's thread."""
        self._answers.append(answer)
        self._wake.set()

    def stop(self) -> None:
        """Send nothing more; open deals stay open."""
        self._stopped = True
        self._wake.set()

    def run(self, start_ns: int) -> None:
        """Run until every request is sent and every deal has ended."""
        upcoming = next(self._intentions, None)
        drain_until_ns = 0
        while not self._stopped:
            now_ns = mono_ns()
            if upcoming is not None and start_ns + upcoming.at_ns <= now_ns:
                self._request(upcoming, start_ns + upcoming.at_ns)
                upcoming = next(self._intentions, None)
                drain_until_ns = now_ns + DRAIN_NS
                continue
            self._process_answers()
            self._watch_market(mono_ns())
            self._run_timers(mono_ns())
            if upcoming is None and (not self._open or now_ns > drain_until_ns):
                break
            self._wait(now_ns, None if upcoming is None else start_ns + upcoming.at_ns)
        for deal in list(self._open.values()):
            self._emit(deal)

    def _wait(self, now_ns: int, next_request_ns: int | None) -> None:
        seconds = _POLL_S if self._watching else _IDLE_S
        for due_ns in (next_request_ns, self._timers[0][0] if self._timers else None):
            if due_ns is not None:
                seconds = min(seconds, max(due_ns - now_ns, 0) / NS_PER_S)
        self._wake.wait(seconds)
        self._wake.clear()

    def _request(self, intention: Intention, intended_ns: int) -> None:
        deal = Deal(intention=intention, intended_ns=intended_ns, sent_ns=mono_ns())
        self._open[intention.number] = deal
        heapq.heappush(self._timers, (intended_ns + UNANSWERED_NS, intention.number, D.UNANSWERED))
        deal.request_id = self._sender.send(intention)

    def _process_answers(self) -> None:
        while self._answers:
            answer = self._answers.popleft()
            deal = self._open.get(answer.number)
            if deal is None:
                continue
            if answer.withdrawn:
                deal.withdrawn_ns = answer.at_ns
                if not deal.hit_ns:  # otherwise the answer to the hit ends it
                    self._end(deal, D.WITHDRAWN)
                continue
            if answer.filled is not None:
                self._on_hit_answer(deal, answer.filled, answer.refused_hit)
                continue
            deal.answered_ns = answer.at_ns
            for name, value in answer.fields.items():
                setattr(deal, name, value)
            if deal.quoted:
                self._schedule_reaction(deal)
                self._emit(deal)
            else:
                self._end(deal, D.REFUSED)

    def _schedule_reaction(self, deal: Deal) -> None:
        """Schedule the hit or watch the market, and schedule the expiry."""
        intention = deal.intention
        heapq.heappush(self._timers, (deal.expires_ns, intention.number, D.EXPIRED))
        if intention.style == SNIPER:
            instrument = self._instrument[intention.symbol]
            self._watched[instrument][intention.number] = deal
            self._watching += 1
            self._snipe(deal, self._sniper_view.tops[instrument], deal.answered_ns)
        elif intention.accepts:
            heapq.heappush(self._timers, (deal.answered_ns + intention.response_ns, intention.number, _HIT))

    def _watch_market(self, now_ns: int) -> None:
        for _ in self._market.advance(now_ns):
            pass
        for instrument in self._sniper_view.advance(now_ns):
            for deal in list(self._watched[instrument].values()):
                self._snipe(deal, self._sniper_view.tops[instrument], now_ns)

    def _snipe(self, deal: Deal, top: Top, now_ns: int) -> None:
        assert deal.price is not None
        if is_through(deal.intention.buys, deal.price, top):
            self._unwatch(deal)
            heapq.heappush(self._timers, (now_ns + deal.intention.response_ns, deal.intention.number, _HIT))

    def _unwatch(self, deal: Deal) -> None:
        watched = self._watched[self._instrument[deal.intention.symbol]]
        if watched.pop(deal.intention.number, None) is not None:
            self._watching -= 1

    def _run_timers(self, now_ns: int) -> None:
        while self._timers and self._timers[0][0] <= now_ns:
            _, number, action = heapq.heappop(self._timers)
            deal = self._open.get(number)
            if deal is None:
                continue
            if action == D.UNANSWERED:
                if not deal.answered_ns or deal.hit_ns:
                    self._end(deal, D.UNANSWERED)
            elif action == _HIT:
                self._hit(deal, now_ns)
            elif not deal.hit_ns:  # otherwise the answer to the hit ends it
                self._end(deal, D.MISSED if deal.intention.accepts else D.EXPIRED)

    def _hit(self, deal: Deal, now_ns: int) -> None:
        """Send the hit, unless the quote has expired in the client's view."""
        assert deal.price is not None
        if now_ns > deal.expires_ns:
            return
        deal.hit_ns = now_ns
        top = self._market.tops[self._instrument[deal.intention.symbol]]
        deal.hit_through = deal.intention.style == SNIPER or is_through(deal.intention.buys, deal.price, top)
        heapq.heappush(self._timers, (now_ns + UNANSWERED_NS, deal.intention.number, D.UNANSWERED))
        self._sender.hit(deal)

    def _on_hit_answer(self, deal: Deal, filled: bool, refused_hit: int | None) -> None:
        if filled:
            self._end(deal, D.PICKED_OFF if deal.hit_through else D.FILLED)
        else:
            deal.hit_ns, deal.refused_hit = 0, refused_hit
            if refused_hit == D.STALE:
                self._end(deal, D.WITHDRAWN)
            else:
                self._end(deal, D.MISSED if deal.intention.accepts else D.EXPIRED)

    def _end(self, deal: Deal, outcome: str) -> None:
        deal.outcome = outcome
        self._unwatch(deal)
        del self._open[deal.intention.number]
        self._emit(deal)
