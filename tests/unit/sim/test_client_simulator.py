"""The clients' side with a real tape, in simulated time and answered in-process: who hits, when, and how it ends."""

import heapq
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from quotelife.runtime.clock import NS_PER_S
from quotelife_sim.clients import deal as D
from quotelife_sim.clients import simulator as simulating
from quotelife_sim.clients.deal import EXPIRED, FILLED, MISSED, OPEN, PICKED_OFF, REFUSED, WITHDRAWN, Deal
from quotelife_sim.clients.requests import ORDINARY, SNIPER, Intention
from quotelife_sim.clients.simulator import Answer, ClientSimulator
from quotelife_sim.venue.tape import Tape

MS = 1_000_000
LIFETIME_MS = 80


def intention(number: int, style: str = ORDINARY, response_ms: int = 10, accepts: bool = True) -> Intention:
    return Intention(
        number=number,
        at_ns=number * MS,
        client="c",
        session="C",
        style=style,
        symbol="S",
        buys=True,
        two_way=False,
        quantity="1",
        override=None,
        response_ns=response_ms * MS,
        accepts=accepts,
    )


class Clock:
    """The clock of a simulator, and the event for which it waits: what is due happens while it does."""

    def __init__(self) -> None:
        self.now_ns = 10**15
        self._is_set = False
        self._due: list[tuple[int, Callable[[], None]]] = []

    def __call__(self) -> int:
        return self.now_ns

    def call_later(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now_ns + round(seconds * NS_PER_S), do))

    def set(self) -> None:
        self._is_set = True

    def clear(self) -> None:
        self._is_set = False

    def wait(self, seconds: float) -> None:
        end_ns = self.now_ns + max(round(seconds * NS_PER_S), 1)
        while not self._is_set and self._due and self._due[0][0] <= end_ns:
            self.now_ns, do = heapq.heappop(self._due)
            do()
        if not self._is_set:
            self.now_ns = end_ns


class SimulatorOnTape:
    """A simulator on a tape with a market of 100 / 102; every request is quoted 103 offered for LIFETIME_MS."""

    def __init__(self, path: Path, clock: Clock, *asked: Intention) -> None:
        self.clock = clock
        self.tape = Tape.create(path / "tape", capacity=1_000)
        self.move(100, 102)
        self.seen: list[tuple[int, str]] = []
        self.ended: dict[int, Deal] = {}
        self.then: Callable[[int], None] = lambda number: None
        self.refuses_hits = False
        self.refusal: int | None = None  # OrdRejReason (103)
        self.simulator = ClientSimulator(iter(asked), ("S",), self.tape, self, self._emit)
        self.simulator._wake = clock

    def run(self) -> dict[int, Deal]:
        self.simulator.run(self.clock())
        return self.ended

    def move(self, bid: int, ask: int) -> None:
        """The market is another one from now on."""
        self.tape.append(self.clock(), 0, bid, ask)

    def hit(self, deal: Deal) -> None:
        now_ns = self.clock()
        filled = now_ns <= deal.expires_ns and not self.refuses_hits
        self.simulator.on_answer(
            Answer(
                number=deal.intention.number,
                at_ns=now_ns,
                fields={},
                filled=filled,
                refused_hit=None if filled else self.refusal,
            )
        )

    def send(self, asked: Intention) -> str:
        now_ns = self.clock()
        fields: dict[str, object] = {
            "bid": 99.0,
            "offer": 103.0,
            "lifetime_ns": LIFETIME_MS * MS,
            "expires_ns": now_ns + LIFETIME_MS * MS,
        }
        if asked.quantity == "0":
            fields = {"reject_code": 3, "reason": "size"}
        self.simulator.on_answer(Answer(number=asked.number, at_ns=now_ns, fields=fields))
        self.then(asked.number)
        return f"r{asked.number}"

    def _emit(self, deal: Deal) -> None:
        self.seen.append((deal.intention.number, deal.outcome))
        if deal.outcome != OPEN:
            self.ended[deal.intention.number] = deal


Play = Callable[..., SimulatorOnTape]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    clock = Clock()
    monkeypatch.setattr(simulating, "mono_ns", clock)
    return lambda *asked: SimulatorOnTape(tmp_path, clock, *asked)


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [
        (intention(1), FILLED),
        (intention(1, response_ms=300), MISSED),
        (intention(1, accepts=False), EXPIRED),
        (intention(1, SNIPER, accepts=False), EXPIRED),
    ],
)
def test_outcome_in_a_calm_market(play: Play, asked: Intention, outcome: str) -> None:
    played = play(asked)
    assert played.run()[1].outcome == outcome
    assert played.seen == [(1, OPEN), (1, outcome)]


def test_sniper_hits_when_the_market_is_through(play: Play) -> None:
    played = play(intention(1, SNIPER, response_ms=2, accepts=False))
    played.then = lambda number: played.clock.call_later(0.02, lambda: played.move(104, 106))
    deal = played.run()[1]
    assert deal.outcome == PICKED_OFF
    assert deal.answered_ns < deal.hit_ns <= deal.expires_ns


def test_a_fill_behind_the_market_is_a_pick_off(play: Play) -> None:
    played = play(intention(1, response_ms=40))
    played.then = lambda number: played.clock.call_later(0.01, lambda: played.move(104, 106))
    assert played.run()[1].outcome == PICKED_OFF


def test_a_refusal_ends_a_deal_at_once(play: Play) -> None:
    refused = msgspec.structs.replace(intention(1), quantity="0")
    played = play(refused, intention(2))
    ended = played.run()
    assert (ended[1].outcome, ended[1].reject_code) == (REFUSED, 3)
    assert ended[2].outcome == FILLED


def test_refused_hit_is_no_fill(play: Play) -> None:
    played = play(intention(1))
    played.refuses_hits = True
    deal = played.run()[1]
    assert (deal.outcome, deal.hit_ns) == (MISSED, 0)


@pytest.mark.parametrize(("code", "outcome"), [(D.STALE, WITHDRAWN), (D.TOO_LATE, MISSED), (6, MISSED)])
def test_a_refused_hit_ends_a_deal_by_its_reason(play: Play, code: int, outcome: str) -> None:
    played = play(intention(1))
    played.refuses_hits, played.refusal = True, code
    deal = played.run()[1]
    assert (deal.outcome, deal.refused_hit, deal.hit_ns) == (outcome, code, 0)


def test_withdrawn_quote_is_not_hit(play: Play) -> None:
    played = play(intention(1, response_ms=40))
    withdrawn = Answer(number=1, at_ns=played.clock(), fields={}, withdrawn=True)
    played.then = lambda number: played.simulator.on_answer(withdrawn)
    deal = played.run()[1]
    assert (deal.outcome, deal.hit_ns, deal.refused_hit) == (WITHDRAWN, 0, None)
    assert deal.withdrawn_ns == withdrawn.at_ns


def test_deals_stay_open_after_stop(play: Play) -> None:
    played = play(intention(1, accepts=False), intention(2))
    played.then = lambda number: played.simulator.stop()
    played.run()
    assert played.seen == [(1, OPEN)]
