"""A handler without engine or processes: a real board in a file, real parameters, and a clock that the test sets."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np

from quotelife.acceptor.process import build_handler, make_region
from quotelife.config import Config
from quotelife.decision import pricing
from quotelife.journal.ring import Reader, Writer
from quotelife.ledger.quote_state import QuoteState
from quotelife.ledger.store import Ledger
from quotelife.market.board import layout as L
from quotelife.rfq import monitor
from quotelife.rfq.handler import RfqHandler
from quotelife.rfq.open_quotes import OpenQuote
from quotelife.rfq.outcome import Outcome
from quotelife.rfq.quote_margin import WATCH_ENTRY, WATCH_VERSION, MonitorBuffers, quote_margin
from quotelife.rfq.recovery import Restored, restore
from quotelife.rfq.warm_up import live_board
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S
from quotelife_models.parameters import Parameters
from tests.acceptance.parameters import write_parameters
from tests.standard import check_sent

START_WALL_NS = 1_767_607_200 * NS_PER_S  # 2026-01-05 10:00:00
_MORNING = {"start": "09:00", "end": "11:00"}
INSTRUMENTS = [
    {"symbol": "BTC-USD", "tick": "0.5", "lot": "0.001", "max_quantity": 20.0, "max_position": 30.0},
    {"symbol": "ETH-USD", "tick": "0.01", "lot": "1"},
    {"symbol": "NIGHT", "tick": "1", "lot": "1", "session": [{"phase": "closed", **_MORNING}]},
    {
        "symbol": "OPENING",
        "tick": "1",
        "lot": "1",
        "session": [{"phase": "open", "max_lifetime_ms": 40.0, **_MORNING}],
    },
]
CLIENTS = [
    {"name": "Ordinary", "sessions": ["ORD"]},
    {"name": "Fund", "sessions": ["FUND"], "tier": "strategic", "may_choose_model": True},
    {"name": "Far", "sessions": ["FAR"], "round_trip_ms": 100_000.0},
]


class Rig:
    """`send` passes a message to the handler and applies its outcome; `sleep` advances the test's clock."""

    def __init__(
        self,
        folder: Path,
        provider: pricing.Provider = pricing.default,
        clients: list[dict] = CLIENTS,
        limits: dict[str, float] | None = None,
    ) -> None:
        self.folder, self.provider, self.clients, self.limits = folder, provider, clients, limits or {}
        self.config = self.configure()
        self.parameters = Parameters.load(write_parameters(folder / "parameters"))
        self.journal = folder / "journal"
        writer = Writer(self.journal, 256)
        self.reader = Reader(self.journal, from_start=True)
        self.region = make_region(self.config, folder / "metrics")
        self.ledger = Ledger(folder / "ledger.sqlite")
        self.handler: RfqHandler = build_handler(
            self.config, self.parameters, provider, self.region, writer, self.ledger
        )
        self.board = live_board(self.config, folder / "board")
        self.handler.quoter.board = self.board
        self.mono_ns = int(self.board.header[L.H_STARTED_NS])
        self.wall_ns = START_WALL_NS
        self._checked: set[str] = set()
        self.sleep(0)

    def configure(self) -> Config:
        raw = {
            "venue": [{"name": "SIM", "port": 1, "sender_comp_id": "Q", "target_comp_id": "V"}],
            "instrument": [{"venue": "SIM", **instrument} for instrument in INSTRUMENTS],
            "client": self.clients,
            "limits": self.limits,
        }
        return msgspec.structs.replace(msgspec.convert(raw, Config), file=str(self.folder / "q.toml"))

    def restart(self) -> Restored:
        """A new handler on the same files, without a shutdown of the old one."""
        self.config = self.configure()
        self.ledger = Ledger(self.folder / "ledger.sqlite")
        writer = Writer(self.journal, 256)
        self.handler = build_handler(self.config, self.parameters, self.provider, self.region, writer, self.ledger)
        self.handler.ids.started_ms = self.wall_ns // NS_PER_MS
        self.handler.quoter.board = self.board
        return restore(self.handler, self.config, self.journal, self.ledger, self.wall_ns, self.mono_ns)

    def sleep(self, ms: float, alive: bool = True) -> None:
        self.mono_ns += int(ms * NS_PER_MS)
        self.wall_ns += int(ms * NS_PER_MS)
        if alive:
            self.board.beat(self.mono_ns)
            self.board.venues[:, L.V_LAST_RECEIVED_NS] = self.mono_ns

    def send(self, msg_type: str, body: str, session: str = "ORD") -> list[dict[str, str]]:
        """The fields of each answer."""
        return [fields(text) for text in self.answer(msg_type, body, session).messages]

    def receive(self, msg_type: str, body: str, session: str = "ORD") -> Outcome:
        """The outcome, decided only."""
        text = f"8=FIX.4.4|9=1|35={msg_type}|34=2|49={session}|52=x|56=Q|{body}|10=000|".replace("|", "\x01")
        outcome = self.handler.receive(text, self.wall_ns, self.mono_ns)
        assert outcome is not None
        return outcome

    def receive_and_store(self, msg_type: str, body: str, session: str = "ORD") -> Outcome:
        """The outcome, decided and on disk, but not sent."""
        outcome = self.receive(msg_type, body, session)
        self.handler.store(outcome)
        self._check_sent([outcome])
        return outcome

    def answer(self, msg_type: str, body: str, session: str = "ORD") -> Outcome:
        outcome = self.receive_and_store(msg_type, body, session)
        self.handler.apply(outcome, self.mono_ns)
        return outcome

    def run_timers(self) -> list[str]:
        """The messages sent when the monitor evaluates every quote as of now and reports every timer."""
        entries, table = self.handler.watchlist.entries, self.handler.watchlist.table
        table[:, WATCH_VERSION] = -1  # as if every row had changed
        timers = [slot for slot, entry in entries.items() if not isinstance(entry, OpenQuote)]
        found = [[slot, int(table[slot, WATCH_ENTRY]), monitor.TIMER_DUE] for slot in timers]
        found += [each for each in self.look() if each[monitor.FOUND_REASON] != monitor.TIMER_DUE]
        return self._deliver(self.handler.on_found(found, self.wall_ns, self.mono_ns))

    def shift_book(self, ticks: int, row: int = 0) -> np.ndarray:
        """Shift the prices of a row; returns its words."""
        words = self.board.rows[row]
        words[L.VERSION] += 1
        for level in range(L.DEPTH):
            words[L.BID_PX + level] += ticks
            words[L.ASK_PX + level] += ticks
        words[L.MID2] += 2 * ticks
        words[L.VERSION] += 1
        return words

    def look(self) -> list[list[int]]:
        """What the monitor finds in one look as of now."""
        board, watchlist, quoter = self.board, self.handler.watchlist, self.handler.quoter
        found = np.zeros((monitor.MAX_FOUND, monitor.FOUND_WORDS), np.int64)
        n = monitor.look(
            board.header, board.venues, board.rows, watchlist.table, watchlist.legs, watchlist.stakes,
            watchlist.highest, quoter.table, quoter.policies, self.mono_ns, found,
            *MonitorBuffers.of(len(board.rows)),
        )  # fmt: skip
        return found[:n].tolist()

    def margin(self, quote_id: str) -> float:
        """The margin of an open quote as of now, as the monitor computes it."""
        board, watchlist, quoter = self.board, self.handler.watchlist, self.handler.quoter
        quote = self.handler.open_quotes.find(quote_id)
        assert quote is not None
        margin: float = quote_margin(
            board.header, board.venues, board.rows, watchlist.table[quote.slot], watchlist.legs[quote.slot],
            watchlist.stakes[quote.slot], self.mono_ns, quoter.table, quoter.policies,
            *MonitorBuffers.of(len(board.rows)),
        )  # fmt: skip
        return margin

    def drain_cancels(self) -> list[tuple[str, str]]:
        """The withdrawals sent since the last call: session and message."""
        outcomes = self.handler.drain_cancels(self.wall_ns, self.mono_ns)
        self._deliver(outcomes)
        return [(outcome.session.name, text) for outcome in outcomes for text in outcome.messages]

    def _check_sent(self, outcomes: Iterable[Outcome]) -> None:
        """Whatever a test makes the handler send is valid in every version."""
        for text in (text for outcome in outcomes for text in outcome.messages):
            if text not in self._checked:
                check_sent(text)
                self._checked.add(text)

    def _deliver(self, outcomes: Iterable[Outcome]) -> list[str]:
        outcomes, texts = list(outcomes), []
        self._check_sent(outcomes)
        for outcome in outcomes:
            texts += outcome.messages
            self.handler.apply(outcome, self.mono_ns)
        return texts

    def refusals(self, reason: str) -> int:
        """Number of refused requests with this reason."""
        return int(self.region.values[self.region.counter("quotelife_rejects_total", reason=reason)])

    def state(self, quote: dict[str, str]) -> QuoteState:
        """The state of a quote in memory, by the message that carried it."""
        found = self.handler.open_quotes.find(quote["117"])
        assert found is not None
        return found.state

    def ask(self, request_id: str, related: str = "55=BTC-USD|54=1|38=1.5", session: str = "ORD") -> dict[str, str]:
        [answer] = self.send("R", f"131={request_id}|146=1|{related}", session)
        return answer


def fields(text: str) -> dict[str, str]:
    return dict(field.split("=", 1) for field in text.split("\x01")[:-1])
