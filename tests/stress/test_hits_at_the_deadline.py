"""Hits microseconds before and after ValidUntilTime: each is filled or refused by the rule, and the ledger agrees."""

import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from quotelife.market.board import layout as L
from quotelife.rfq.monitor import MARKET_MOVED
from quotelife.rfq.quote_margin import WATCH_ENTRY
from quotelife.runtime.clock import NS_PER_MS, NS_PER_US, mono_ns, parse_utc_timestamp, utc_timestamp
from tests.acceptance.client import Message, sending_time
from tests.acceptance.conftest import Service
from tests.acceptance.engines import ENGINES
from tests.acceptance.rfq.test_quote_request import new_id, related
from tests.unit.rfq.rfq_rig import Rig, fields

THREADS = 4
BATCHES, QUOTES = 45, 40  # two hits each
LIFE_MS, APART_MS = 12, 0.5
NEAR_US = 60


class Hit(NamedTuple):
    """One hit as it was received and answered; `left_ns` until the deadline at its receipt."""

    quote_id: str
    response_id: str
    left_ns: int
    report: dict[str, str]


@pytest.fixture
def quick_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def memory():
    """A folder in memory, where the ledger is as real but the disk does not set the pace."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


class Race:
    """Threads that do what the engine's callbacks do, with the machine's clock."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        rig.sleep(max(mono_ns() - rig.mono_ns, 0) / NS_PER_MS)
        self.offset_ns = rig.wall_ns - rig.mono_ns
        self.hits: list[Hit] = []
        self.ended: dict[str, int] = {}

    def alive(self) -> None:
        """The market is there."""
        self.rig.board.beat(mono_ns())
        self.rig.board.venues[:, L.V_LAST_RECEIVED_NS] = mono_ns()

    def answer(self, msg_type: str, body: str) -> tuple[int, list[dict[str, str]]]:
        """Receipt (monotonic) of a message that is received now, and the answers."""
        handler = self.rig.handler
        text = f"8=FIX.4.4|9=1|35={msg_type}|34=2|49=FUND|52=x|56=Q|{body}|10=000|".replace("|", "\x01")
        received_ns = mono_ns()
        with handler.lock:
            answer = handler.receive(text, received_ns + self.offset_ns, received_ns)
        handler.store(answer)
        with handler.lock:
            handler.apply(answer, mono_ns())
        return received_ns, [fields(message) for message in answer.messages]

    def quote(self, request_id: str, life_ms: float) -> tuple[str, int]:
        """QuoteID and deadline (monotonic) of a quote that lives so long."""
        until = utc_timestamp(mono_ns() + self.offset_ns + int(life_ms * NS_PER_MS))
        asked = f"131={request_id}|20001=CLIENT_PRIORITY|146=1"
        _, [quote] = self.answer("R", f"{asked}|55=BTC-USD|54=1|38=0.001|62={until}")
        assert quote["35"] == "S", quote
        return quote["117"], parse_utc_timestamp(quote["62"]) - self.offset_ns

    def run(self, batch: int, between=lambda quotes: None) -> None:
        """Quotes, and two hits on each around its deadline, from threads."""
        self.alive()
        quotes = [self.quote(f"r{batch}-{n}", LIFE_MS + n * APART_MS) for n in range(QUOTES)]
        shots = [
            (deadline + random.randint(-NEAR_US, NEAR_US) * NS_PER_US, quote_id, deadline, f"h{batch}-{n}-{m}")
            for n, (quote_id, deadline) in enumerate(quotes)
            for m in range(2)
        ]
        shots.sort()
        threads = [threading.Thread(target=self._shoot, args=(shots[n::THREADS],)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        between(quotes)
        for thread in threads:
            thread.join()

    def _shoot(self, shots: list[tuple[int, str, int, str]]) -> None:
        for at_ns, quote_id, deadline_ns, response_id in shots:
            while mono_ns() < at_ns - 200_000:
                time.sleep(0.0001)
            while mono_ns() < at_ns:
                pass
            received_ns, [report, *_] = self.answer("AJ", f"693={response_id}|117={quote_id}|694=1")
            self.hits.append(Hit(quote_id, response_id, deadline_ns - received_ns, report))

    def check(self) -> None:
        """The rule, on what was sent and on what the ledger has."""
        of_quote = defaultdict(list)
        for hit in self.hits:
            assert hit.report["693"] == hit.response_id and hit.report["39"] in ("2", "8")
            of_quote[hit.quote_id].append(hit)
        for quote_id, hits in of_quote.items():
            end_ns = self.ended.get(quote_id, 0)  # before the deadline by so much
            filled = [h for h in hits if h.report["39"] == "2"]
            in_time = [h for h in hits if h.left_ns > end_ns]
            assert len(filled) == bool(in_time), hits
            assert all(h in in_time for h in filled), hits
            for hit in hits:
                if hit not in filled:
                    codes = ("6",) if hit in in_time else ("4", "6", "8")
                    assert hit.report["103"] in codes, hit
        ledger = {f.exec_id: f.quote_id for f in self.rig.ledger.fills()}
        assert ledger == {h.report["17"]: h.quote_id for h in self.hits if h.report["39"] == "2"}
        assert self.rig.ledger.positions().get("BTC-USD", 0) == -len(ledger)
        assert self.rig.handler.open_quotes.positions[0] == -len(ledger)
        assert all(self.rig.ledger.answer_to("FUND", "AJ", h.response_id) for h in self.hits)


def test_hits_around_the_deadline_are_filled_or_refused_once(memory, quick_switches):
    race = Race(Rig(memory))
    done = threading.Event()

    def keep_expiring() -> None:
        while not done.wait(0.0005):
            with race.rig.handler.lock:
                race.rig.handler.expire(mono_ns())

    expiring = threading.Thread(target=keep_expiring)
    expiring.start()
    for batch in range(BATCHES):
        race.run(batch)
    done.set()
    expiring.join()
    assert len(race.hits) == BATCHES * QUOTES * 2
    race.check()
    near = [h for h in race.hits if abs(h.left_ns) < 1_000 * NS_PER_US]
    early = sum(h.left_ns > 0 for h in near)
    assert len(near) > 500 and early > 50 and len(near) - early > 50, (len(near), early)


def test_hits_around_a_withdrawal_are_filled_or_refused_once(memory, quick_switches):
    """The same with quotes that are taken back while hits are under way."""
    race = Race(Rig(memory))
    handler = race.rig.handler

    def withdraw(quotes: list[tuple[str, int]]) -> None:
        for quote_id, deadline_ns in quotes:
            while mono_ns() < deadline_ns - random.randint(-50, 150) * NS_PER_US:
                pass
            with handler.lock:
                quote, now_ns = handler.open_quotes.find(quote_id), mono_ns()
                if quote is not None and quote.slot >= 0:
                    found = quote.slot, handler.watchlist.table[quote.slot, WATCH_ENTRY], MARKET_MOVED
                    for outcome in handler.on_found([found], now_ns + race.offset_ns, now_ns):
                        handler.apply(outcome, now_ns)
                if quote is not None and quote.ended_ns:
                    race.ended[quote_id] = deadline_ns - quote.ended_ns

    for batch in range(15):
        race.run(batch, withdraw)
    assert len(race.ended) > 50
    race.check()
    assert {h.report.get("103") for h in race.hits} >= {None, "8"}


@pytest.mark.parametrize("engine", ENGINES)
def test_hits_over_the_wire_agree_with_the_ledger(tmp_path, monkeypatch, engine):
    """The client fires around the deadline; the ledger has the receipts, and agrees with what it was told."""
    monkeypatch.setattr(Service, "engine", engine)
    until_ns: dict[str, int] = {}
    reports: dict[str, list[Message]] = defaultdict(list)
    lead_ns = 500 * NS_PER_US  # a hit's way to the service; found by what the last one came to
    with Service(tmp_path) as service, service.client("FUND") as client:
        for n in range(300):
            until = sending_time(0.012)
            client.send("R", [(131, new_id()), (146, 1), *related(quantity="0.001"), (62, until)])
            quote = client.receive("S", "AG")
            if quote.type == "AG":
                continue  # the machine was busy, and too little was left
            response_id, deadline_ns = f"w{n}", parse_utc_timestamp(quote[62])
            until_ns[response_id] = deadline_ns
            while time.time_ns() < deadline_ns - lead_ns:
                pass
            client.send("AJ", [(693, response_id), (117, quote[117]), (694, 1)])
            report = client.receive("8")
            reports[report[693]].append(report)
            if report[39] == "8":
                assert report[103] == "4" and client.receive("AI")[297] == "7"
            lead_ns += (20 if report[39] == "8" else -20) * NS_PER_US
        client.silence(0.2)
    assert sorted(reports) == sorted(until_ns) and all(len(r) == 1 for r in reports.values())
    with closing(sqlite3.connect(tmp_path / "var" / "ledger.sqlite")) as ledger:
        received = dict(ledger.execute("SELECT id, wall_ns FROM answers"))
        fills = dict(ledger.execute("SELECT response_id, exec_id FROM fills"))
    filled = {id_: r[0][17] for id_, r in reports.items() if r[0][39] == "2"}
    assert fills == filled and received.keys() == reports.keys()
    # The deadline is held on the monotonic clock, and a process may be interrupted between reading it and the other.
    wrong = {i: at - until_ns[i] for i, at in received.items() if (at < until_ns[i]) != (i in filled)}
    assert all(abs(apart_ns) < 500 * NS_PER_US for apart_ns in wrong.values()), wrong
    assert len(reports) > 200 and 40 < len(filled) < len(reports) - 40, (len(filled), len(reports))
