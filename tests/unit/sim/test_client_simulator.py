"""The clients' side with a real tape and answers given in-process: who hits, when, and how it ends."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from quotelife.runtime.clock import mono_ns
from quotelife_sim.clients import deal as D
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


class SimulatorOnTape:
    """A simulator on a tape with a market of 100 / 102; every request is quoted 103 offered for LIFETIME_MS."""

    def __init__(self, path: Path, *asked: Intention) -> None:
        self.tape = Tape.create(path / "tape", capacity=1_000)
        self.tape.append(mono_ns(), 0, 100, 102)
        self.seen: list[tuple[int, str]] = []
        self.ended: dict[int, Deal] = {}
        self.then: Callable[[int], None] = lambda number: None
        self.refuses_hits = False
        self.refusal: int | None = None  # OrdRejReason (103)
        self.simulator = ClientSimulator(iter(asked), ("S",), self.tape, self, self._emit)

    def run(self) -> dict[int, Deal]:
        self.simulator.run(mono_ns())
        return self.ended

    def hit(self, deal: Deal) -> None:
        now_ns = mono_ns()
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
        now_ns = mono_ns()
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


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [
        (intention(1), FILLED),
        (intention(1, response_ms=300), MISSED),
        (intention(1, accepts=False), EXPIRED),
        (intention(1, SNIPER, accepts=False), EXPIRED),
    ],
)
def test_outcome_in_a_calm_market(tmp_path: Path, asked: Intention, outcome: str) -> None:
    played = SimulatorOnTape(tmp_path, asked)
    assert played.run()[1].outcome == outcome
    assert played.seen == [(1, OPEN), (1, outcome)]


def test_sniper_hits_when_the_market_is_through(tmp_path: Path) -> None:
    played = SimulatorOnTape(tmp_path, intention(1, SNIPER, response_ms=2, accepts=False))
    moved = threading.Timer(0.02, lambda: played.tape.append(mono_ns(), 0, 104, 106))
    played.then = lambda number: moved.start()
    deal = played.run()[1]
    moved.join()
    assert deal.outcome == PICKED_OFF
    assert deal.answered_ns < deal.hit_ns <= deal.expires_ns


def test_a_fill_behind_the_market_is_a_pick_off(tmp_path: Path) -> None:
    played = SimulatorOnTape(tmp_path, intention(1, response_ms=40))
    moved = threading.Timer(0.01, lambda: played.tape.append(mono_ns(), 0, 104, 106))
    played.then = lambda number: moved.start()
    assert played.run()[1].outcome == PICKED_OFF
    moved.join()


def test_a_refusal_ends_a_deal_at_once(tmp_path: Path) -> None:
    import msgspec

    refused = msgspec.structs.replace(intention(1), quantity="0")
    played = SimulatorOnTape(tmp_path, refused, intention(2))
    ended = played.run()
    assert (ended[1].outcome, ended[1].reject_code) == (REFUSED, 3)
    assert ended[2].outcome == FILLED


def test_refused_hit_is_no_fill(tmp_path: Path) -> None:
    played = SimulatorOnTape(tmp_path, intention(1))
    played.refuses_hits = True
    deal = played.run()[1]
    assert (deal.outcome, deal.hit_ns) == (MISSED, 0)


@pytest.mark.parametrize(("code", "outcome"), [(D.STALE, WITHDRAWN), (D.TOO_LATE, MISSED), (6, MISSED)])
def test_a_refused_hit_ends_a_deal_by_its_reason(tmp_path: Path, code: int, outcome: str) -> None:
    played = SimulatorOnTape(tmp_path, intention(1))
    played.refuses_hits, played.refusal = True, code
    deal = played.run()[1]
    assert (deal.outcome, deal.refused_hit, deal.hit_ns) == (outcome, code, 0)


def test_withdrawn_quote_is_not_hit(tmp_path: Path) -> None:
    played = SimulatorOnTape(tmp_path, intention(1, response_ms=40))
    withdrawn = Answer(number=1, at_ns=mono_ns(), fields={}, withdrawn=True)
    played.then = lambda number: played.simulator.on_answer(withdrawn)
    deal = played.run()[1]
    assert (deal.outcome, deal.hit_ns, deal.refused_hit) == (WITHDRAWN, 0, None)
    assert deal.withdrawn_ns == withdrawn.at_ns


def test_deals_stay_open_after_stop(tmp_path: Path) -> None:
    played = SimulatorOnTape(tmp_path, intention(1, accepts=False), intention(2))
    played.then = lambda number: played.simulator.stop()
    played.run()
    assert played.seen == [(1, OPEN)]
