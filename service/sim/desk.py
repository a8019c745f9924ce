"""The clients' side of the simulation: sends requests when they are due, watches the market, hits or lets expire.

Sans-engine: requests leave through `send`, answers come in by `answer` from any thread, finished deals leave through
`emit`. One thread runs it.
"""

import heapq
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from service.clock import NS_PER_S, mono_ns
from service.sim import deal as D
from service.sim.deal import Deal
from service.sim.outcome import TRANSIT_NS, VIEW_NS
from service.sim.requests import SNIPER, Intention
from service.sim.tape import T_ASK, T_BID, T_INSTRUMENT, T_NS, Tape

UNANSWERED_NS = 5 * NS_PER_S
DRAIN_NS = 11 * NS_PER_S  # how long open deals may take to end after the last request
_POLL_S = 0.001  # while a sniper's quote is open
_IDLE_S = 0.02
Top = tuple[int, int]


class Send(Protocol):
    def __call__(self, intention: Intention) -> None: ...


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A Quote or a QuoteRequestReject, prices in ticks."""

    number: int
    at_ns: int
    fields: dict[str, object]  # of Deal


class View:
    """The market as seen `delay_ns` late: best prices by instrument, moved on row by row of the tape."""

    def __init__(self, tape: Tape, instruments: int, delay_ns: int) -> None:
        self.tape, self.delay_ns = tape, delay_ns
        self.tops: list[Top] = [(0, 0)] * instruments
        self._cursor = 0

    def advance(self, now_ns: int) -> Iterator[int]:
        """Instruments whose best prices change, each time they do."""
        rows, count = self.tape.rows, self.tape.count
        while self._cursor < count and rows[self._cursor, T_NS] <= now_ns - self.delay_ns:
            row = rows[self._cursor]
            self._cursor += 1
            instrument = int(row[T_INSTRUMENT])
            self.tops[instrument] = (int(row[T_BID]), int(row[T_ASK]))
            yield instrument


def is_through(buys: bool, price_ticks: float, top: Top) -> bool:
    """What is dealt at this price could be turned round at once."""
    bid, ask = top
    return bid >= price_ticks and bid > 0 if buys else 0 < ask <= price_ticks


class Desk:
    def __init__(
        self,
        intentions: Iterator[Intention],
        symbols: Sequence[str],
        tape: Tape,
        send: Send,
        emit: Callable[[Deal], None],
    ) -> None:
        self._intentions, self._send, self._emit = intentions, send, emit
        self._instrument: Mapping[str, int] = {symbol: i for i, symbol in enumerate(symbols)}
        self._market = View(tape, len(symbols), 0)
        self._sniper_view = View(tape, len(symbols), VIEW_NS)
        self._watched: dict[int, dict[int, Deal]] = {i: {} for i in range(len(symbols))}  # snipers' open quotes
        self._watching = 0
        self._open: dict[int, Deal] = {}
        self._timers: list[tuple[int, int, str]] = []
        self._answers: deque[Answer] = deque()
        self._wake = threading.Event()
        self._stopped = False

    def answer(self, answer: Answer) -> None:
        """From the engine's thread."""
        self._answers.append(answer)
        self._wake.set()

    def stop(self) -> None:
        """Send nothing more; what is open is left open."""
        self._stopped = True
        self._wake.set()

    def run(self, start_ns: int) -> None:
        """Until every request was sent and every deal has ended."""
        upcoming = next(self._intentions, None)
        drain_until_ns = 0
        while not self._stopped:
            now_ns = mono_ns()
            if upcoming is not None and start_ns + upcoming.at_ns <= now_ns:
                self._request(upcoming, start_ns + upcoming.at_ns)
                upcoming = next(self._intentions, None)
                drain_until_ns = now_ns + DRAIN_NS
                continue
            self._take_answers()
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
        self._send(intention)

    def _take_answers(self) -> None:
        while self._answers:
            answer = self._answers.popleft()
            deal = self._open.get(answer.number)
            if deal is None or deal.answered_ns:
                continue
            deal.answered_ns = answer.at_ns
            for name, value in answer.fields.items():
                setattr(deal, name, value)
            if deal.quoted:
                self._plan(deal)
                self._emit(deal)
            else:
                self._end(deal, D.REFUSED)

    def _plan(self, deal: Deal) -> None:
        """What the client does with a quote: a time to hit, or a watch on the market; its end in any case."""
        intention = deal.intention
        heapq.heappush(self._timers, (deal.expires_ns, intention.number, D.EXPIRED))
        if intention.style == SNIPER:
            instrument = self._instrument[intention.symbol]
            self._watched[instrument][intention.number] = deal
            self._watching += 1
            self._snipe(deal, self._sniper_view.tops[instrument], deal.answered_ns)
        elif intention.accepts:
            arrival_ns = deal.answered_ns + intention.response_ns + TRANSIT_NS
            heapq.heappush(self._timers, (arrival_ns, intention.number, D.FILLED))

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
            arrival_ns = now_ns + deal.intention.response_ns + TRANSIT_NS
            heapq.heappush(self._timers, (arrival_ns, deal.intention.number, D.PICKED_OFF))

    def _unwatch(self, deal: Deal) -> None:
        watched = self._watched[self._instrument[deal.intention.symbol]]
        if watched.pop(deal.intention.number, None) is not None:
            self._watching -= 1

    def _run_timers(self, now_ns: int) -> None:
        while self._timers and self._timers[0][0] <= now_ns:
            at_ns, number, what = heapq.heappop(self._timers)
            deal = self._open.get(number)
            if deal is None:
                continue
            if what == D.UNANSWERED:
                if not deal.answered_ns:
                    self._end(deal, D.UNANSWERED)
            elif what == D.EXPIRED:
                self._end(deal, D.MISSED if deal.intention.accepts else D.EXPIRED)
            elif at_ns <= deal.expires_ns:
                self._hit(deal, at_ns, what)

    def _hit(self, deal: Deal, at_ns: int, kind: str) -> None:
        assert deal.price is not None
        deal.hit_ns = at_ns
        top = self._market.tops[self._instrument[deal.intention.symbol]]
        through = kind == D.PICKED_OFF or is_through(deal.intention.buys, deal.price, top)
        self._end(deal, D.PICKED_OFF if through else D.FILLED)

    def _end(self, deal: Deal, outcome: str) -> None:
        deal.outcome = outcome
        self._unwatch(deal)
        del self._open[deal.intention.number]
        self._emit(deal)
