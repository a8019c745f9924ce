"""The venue process over real FIX: books rebuilt from W and X are the market that it writes on its tape."""

import queue
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from quotelife.runtime.clock import NS_PER_S, mono_ns
from quotelife_research.data import l3
from quotelife_sim.child_process import ChildProcess, OutputLine
from quotelife_sim.markets.catalog import symbols_of
from quotelife_sim.markets.synthetic import synthetic_symbols
from quotelife_sim.plan import Plan
from quotelife_sim.venue.tape import Tape
from tests.acceptance.client import Client
from tests.acceptance.simulation import RebuiltBook, await_line, configuration, entries, synthetic_instruments

PLAYED_S = 2.0


class Venue:
    """A venue process and what a test needs to talk to it."""

    def __init__(self, folder: Path, market: str, instruments: int) -> None:
        symbols = synthetic_symbols(instruments)
        replaced = {} if market == "sample" else {"instrument": synthetic_instruments(*symbols)}
        config = configuration(folder, **replaced)
        self.plan = Plan(
            market=market, config=str(config), directory=str(folder), seed=3, duration_s=5.0, instruments=instruments
        )
        self.lines: queue.Queue[OutputLine] = queue.Queue()
        self.child = ChildProcess(
            "venue", ["quotelife_sim.venue.process", str(self.plan.write())], self.lines, folder / "venue.log"
        )
        await_line(self.lines, lambda text: text == "READY venue", self.child)
        self.port = self.plan.configuration().venue[0].port
        self.tape = Tape.attach(self.plan.tape)

    def play(self) -> int:
        start_ns = mono_ns()
        self.child.send_line(f"PLAY {start_ns}")
        return start_ns

    def client(self) -> Client:
        client = Client(self.port, "QUOTELIFE", "SIMVENUE")
        client.logon()
        return client


@pytest.fixture(params=["synthetic", "sample"])
def venue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Venue]:
    if request.param == "sample" and l3.find_sample() is None:
        pytest.skip("the order-book sample (package ob-analytics) is not installed")
    started = Venue(tmp_path, request.param, instruments=2)
    yield started
    started.child.stop()


def subscribe(client: Client, request_id: str, *symbols: str, kind: int = 1) -> None:
    related = [(55, symbol) for symbol in symbols]
    client.send("V", [(262, request_id), (263, kind), (264, 0), (267, 1), (269, 0), (146, len(symbols)), *related])


def follow(client: Client, books: dict[str, RebuiltBook], until_ns: int) -> int:
    """Apply what comes until then; the number of entries."""
    count = 0
    while mono_ns() < until_ns:
        try:
            message = client.receive("X", "B", timeout=0.2)
        except TimeoutError:
            continue
        for entry in entries(message, 279):
            books[entry["55"]].apply(entry)
            count += 1
    return count


def test_rebuilt_books_match_the_tape(venue: Venue) -> None:
    symbols = symbols_of(venue.plan)
    with venue.client() as client:
        subscribe(client, "one", *symbols)
        books = {}
        for _ in symbols:
            snapshot = client.receive("W")
            assert snapshot[262] == "one"
            books[snapshot[55]] = RebuiltBook()
            books[snapshot[55]].snapshot(snapshot)
        await_line(venue.lines, lambda text: text == f"FOLLOWED {len(symbols)}", venue.child)
        start_ns = venue.play()
        assert follow(client, books, start_ns + round(PLAYED_S * NS_PER_S)) > 5
        subscribe(client, "one", kind=2)
        await_line(venue.lines, lambda text: text == "FOLLOWED 0", venue.child)
        follow(client, books, mono_ns() + NS_PER_S // 2)  # what was under way
        last_sent_ns = mono_ns()
        assert _seen(venue, books, symbols, last_sent_ns)
        subscribe(client, "two", *symbols)  # W is right at any time, and X goes on from it
        for _ in symbols:
            snapshot = client.receive("W")
            books[snapshot[55]].snapshot(snapshot)
        follow(client, books, mono_ns() + NS_PER_S // 2)
    venue.child.stop()
    for index, symbol in enumerate(symbols):
        history = venue.tape.histories(len(symbols))[index]
        assert (history.bid < history.ask).all(), symbol
        assert (history.ns[1:] >= history.ns[:-1]).all()


def _seen(venue: Venue, books: dict[str, RebuiltBook], symbols: tuple[str, ...], now_ns: int) -> bool:
    """The rebuilt tops are among the tops that the tape had for the instrument."""
    for history, symbol in zip(venue.tape.histories(len(symbols)), symbols, strict=True):
        scale = {"BTC-USD": 1.0, "ETH-USD": 0.25, "EUR-USD": 0.00001}.get(symbol, 0.01)
        bid, ask = books[symbol].top()
        pairs = set(zip(history.bid.tolist(), history.ask.tolist(), strict=True))
        if (round(bid / scale), round(ask / scale)) not in pairs:
            return False
    return True


def test_an_unknown_symbol_is_rejected(venue: Venue) -> None:
    with venue.client() as client:
        subscribe(client, "what", "NO-SUCH")
        answer = client.receive("Y")
        assert (answer[262], answer[281]) == ("what", "0")
        assert "NO-SUCH" in answer[58]


def test_events_are_played_on_time(venue: Venue) -> None:
    venue.play()
    with venue.client() as client:
        subscribe(client, "one", *symbols_of(venue.plan))
        client.receive("W")
        client.receive("X", timeout=20)
    venue.child.stop()
    last = await_line(venue.lines, lambda text: text.startswith("PLAYED "), venue.child)
    assert '"events"' in last


def test_the_venue_listens_on_loopback_alone(venue):
    with venue.client():  # the engine has accepted it: its own socket is closed by now
        found = listening(venue.child.pid)
    assert found == [("0100007F", f"{venue.port:04X}")]


def listening(pid: int) -> list[tuple[str, str]]:
    """Addresses and ports, as the kernel writes them, on which a process listens."""
    sockets = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            sockets.add(str(link.readlink()))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [tuple(row[1].split(":")) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]
