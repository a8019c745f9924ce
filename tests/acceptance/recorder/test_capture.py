"""A live run over FIX is captured and replayed: the features of the decisions are reproduced."""

import ast
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from quotelife.config import load
from quotelife.market.capture import layout as L
from quotelife.marketdata.process import make_board
from quotelife.runtime.clock import mono_ns
from quotelife_models import schema as S
from quotelife_research.data import captures, files
from quotelife_research.data.replay import replay_at
from quotelife_research.data.sources import Span, sessions
from quotelife_sim.markets.synthetic import synthetic_symbols
from quotelife_sim.plan import Plan
from tests.acceptance.client import Client
from tests.acceptance.conftest import Process, free_port
from tests.acceptance.parameters import write_parameters
from tests.acceptance.rfq.test_hits import respond
from tests.acceptance.rfq.test_quote_request import ask, related
from tests.oracle.features_of_capture import Moments, features_at
from tests.paths import ROOT

SYMBOLS = synthetic_symbols(2)
QUOTES = 60
HITS = 5  # quotes that are hit
CRASH_AT = 40  # quotes after which the recorder is killed
PAUSE_S = 0.05  # between requests, for the market to move
FLUSH_S = 0.3
WAIT_S = 30.0


class Captured:
    """A venue that replays a generated market of two instruments, each correlated with and index of the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, venue_port = folder, free_port(), free_port()
        self.run_directory = Path(f"/dev/shm/quotelife-test-{self.port}")
        self.config = folder / "quotelife.toml"
        write_parameters(folder / "parameters")
        instruments = "".join(
            f'[[instrument]]\nsymbol = "{symbol}"\ntick = "0.01"\nlot = "1"\nvenue = "SIM"\n'
            f'correlated = "{other}"\nvolatility_index = "{other}"\n'
            for symbol, other in zip(SYMBOLS, reversed(SYMBOLS), strict=True)
        )
        self.config.write_text(
            f'[paths]\nrun = "{self.run_directory}"\ndata = "{folder / "var"}"\n'
            f'parameters = "{folder / "parameters"}"\n'
            f"[acceptor]\nport = {self.port}\n"
            f"[capture]\nenabled = true\nflush_s = {FLUSH_S}\nkeyframe_s = 1.0\n"
            f'[[venue]]\nname = "SIM"\nport = {venue_port}\nsender_comp_id = "QUOTELIFE"\n'
            f'target_comp_id = "SIMVENUE"\nbook = "order"\n{instruments}'
            '[[client]]\nname = "Client"\nsessions = ["ORD1"]\ntier = "strategic"\nmay_choose_model = true\n'
        )
        plan = Plan(
            market="synthetic", config=str(self.config), directory=str(folder), seed=1, duration_s=60.0, instruments=2
        )
        self.venue = Process("quotelife_sim.venue.process", str(plan.write()))
        self.marketdata = Process("quotelife.marketdata.process", "--config", str(self.config))
        self.recorder = self.start_recorder()
        self.quoting = Process("quotelife.acceptor.process", "--config", str(self.config))
        self.venue.tell(f"PLAY {mono_ns()}")

    @property
    def capture(self) -> Path:
        return self.folder / "var" / "capture"

    def start_recorder(self) -> Process:
        return Process("quotelife.recorder.process", "--config", str(self.config))

    def rows(self, kind: str) -> pl.DataFrame:
        return pl.read_parquet(self.capture / kind).sort("sequence")

    def quote(self, client: Client, n: int) -> None:
        symbol = SYMBOLS[n % len(SYMBOLS)]
        given = ask(client, related(symbol, 1 + n % 2, 10), more=[(20001, "CLIENT_PRIORITY")])
        if n < 3 and given.type == "S":
            respond(client, given[117])
        time.sleep(PAUSE_S)

    def play(self) -> None:
        """Send requests and kill the recorder meanwhile; keep the events that could be read then."""
        with Client(self.port, "ORD1") as client:
            client.logon()
            deadline = time.monotonic() + WAIT_S
            while ask(client, related(SYMBOLS[0], 1, 10)).type != "S":
                assert time.monotonic() < deadline
            for n in range(CRASH_AT):
                self.quote(client, n)
            while not (found := self.flushed()):
                assert time.monotonic() < deadline
            os.kill(self.recorder.pid, signal.SIGKILL)
            self.recorder.kill()
            self.before_crash, self.after_crash = found, self.flushed()
            self.recorder = self.start_recorder()
            for n in range(CRASH_AT, QUOTES):
                self.quote(client, n)
        for process in (self.quoting, self.marketdata, self.recorder):
            assert process.stop() == 0, process.stderr

    def flushed(self) -> int:
        """Number of events that can be read now; 0 without files."""
        try:
            return len(pl.read_parquet(self.capture / "events"))
        except (OSError, pl.exceptions.ComputeError):
            return 0

    def end(self) -> None:
        for process in (self.quoting, self.recorder, self.marketdata, self.venue):
            if process.running():
                process.kill()
        shutil.rmtree(self.run_directory, ignore_errors=True)


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Captured]:
    started = Captured(tmp_path_factory.mktemp("captured"))
    try:
        started.play()
        yield started
    finally:
        started.end()


def decisions(captured: Captured) -> pl.DataFrame:
    """The quotes, with the board row of each."""
    quotes = captured.rows("decisions").filter(kind="quote").sort("mono_ns")
    return quotes.with_columns(row=pl.col("symbol").replace_strict(SYMBOLS, list(range(len(SYMBOLS)))))


def sources(captured: Captured) -> list[files.Source]:
    found = files.symbols_in(captured.capture)
    return [found[symbol] for symbol in SYMBOLS]


def test_the_capture_reproduces_journalled_features_bit_for_bit(captured, tmp_path):
    quotes = decisions(captured)
    assert len(quotes) > QUOTES * 0.8
    (events,) = captures.runs([source.events for source in sources(captured)]).values()
    assert L.LOST not in events[:, L.KIND_WORD] & L.BYTE
    board = make_board(load(captured.config), tmp_path / "board")
    columns = ("row", "mono_ns", "board_version", "correlated_version", "index_version")
    x, found = features_at(events, board, Moments(*(quotes[name].to_numpy() for name in columns)))
    assert found.all()
    journalled = quotes.select(S.NAMES).to_numpy()
    assert x.tobytes() == np.ascontiguousarray(journalled).tobytes()
    moving = [name for name, column in zip(S.NAMES, journalled.T, strict=True) if len(np.unique(column)) > 1]
    assert len(moving) > 15
    assert (quotes["correlated_version"] > 0).all() and (quotes["index_version"] > 0).all()


def test_data_set_builder_sees_the_features_of_the_service(captured):
    """At the receive times alone: equal unless a message arrived between the receipt and the read of the board."""
    quotes = decisions(captured)
    for row, source in enumerate(sources(captured)):
        day = quotes["day"][0].isoformat()
        (session,) = sessions(source, [Span.parse(day)])
        mine = quotes.filter(row=row)
        offset_ns = int(session.events[0, L.RECEIVED_NS]) - int(captures.runs([source.events]).popitem()[1][0, 0])
        played = replay_at(session, mine["mono_ns"].to_numpy() + offset_ns)
        same = (played.x == mine.select(S.NAMES).to_numpy()[played.kept]).all(axis=1)
        assert len(played.kept) == len(mine) and same.mean() > 0.8


def test_a_crash_of_the_recorder_loses_nothing_that_was_flushed(captured):
    assert captured.after_crash >= captured.before_crash > 0
    events = captured.rows("events")
    assert len(events) > captured.after_crash
    assert events["sequence"].to_list() == list(range(len(events)))  # complete, as the ring has the rest
    assert not list(captured.capture.rglob("*-new.parquet"))


def test_the_captured_book_equals_the_board(captured):
    """The best prices after each message are those of the levels."""
    events = captured.rows("events").filter(symbol=SYMBOLS[0])
    levels: tuple[dict[int, int], dict[int, int]] = ({}, {})
    books = 0
    for kind, side, price, size, bid, offer in events.select("kind", "side", "price", "size", "bid", "ask").iter_rows():
        if kind == "clear":
            levels = ({}, {})
        elif kind == "level":
            levels[side].pop(price, None)
            if size:
                levels[side][price] = size
        elif kind == "book":
            assert (bid, offer) == (max(levels[0], default=None), min(levels[1], default=None))
            books += 1
    assert books > 10  # their number depends on the speed of the tests


def examples(language: str) -> list[str]:
    """The queries on captures in the README."""
    text = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
    part = text[text.index("## Captured data") :]
    return re.findall(rf"```{language}\n(.*?)```", part[: part.index("\n## Shipped")], re.DOTALL)


def last_value(code: str, names: dict[str, Any]) -> Any:
    """Run a query as a notebook would; the value of its last line."""
    *before, last = ast.parse(code).body
    assert isinstance(last, ast.Expr)
    exec(compile(ast.Module(before, []), "README", "exec"), names)
    return eval(compile(ast.Expression(last.value), "README", "eval"), names)


def test_example_queries_return_rows(captured, monkeypatch):
    monkeypatch.chdir(captured.capture.parent)
    names: dict[str, Any] = {}
    lifetimes, fills, pick_offs, book = (last_value(code, names) for code in examples("python"))
    assert lifetimes["len"].sum() == fills["len"].sum() == len(decisions(captured))
    assert "client_priority" in lifetimes["model"] and lifetimes["lifetime_ns"].min() > 0
    assert fills["fill_rate"].max() > 0.0 and pick_offs["len"].sum() >= 1
    assert len(book) > 4 and book.filter(side=0)["price"].max() < book.filter(side=1)["price"].min()


def test_sql_queries_return_the_same_rows(captured, monkeypatch):
    duckdb = pytest.importorskip("duckdb")
    monkeypatch.chdir(captured.capture.parent)
    names: dict[str, Any] = {}
    lifetimes, fills, pick_offs, book = (last_value(code, names) for code in examples("python"))
    sql = [duckdb.sql(query).pl() for query in examples("sql")]
    assert sql[0]["n"].sum() == lifetimes["len"].sum()
    assert sql[0]["lifetime_ms"].to_list() == pytest.approx(lifetimes["lifetime_ns"].to_list())
    assert sql[1].rows() == fills.rows()
    assert sql[2].select("model", "reason", "n").rows() == pick_offs.select("model", "reason", "len").rows()
    symbol = names["symbol"]
    levels = sql[3].filter(symbol=symbol).select("side", "price", "size")
    assert levels.rows() == book.select("side", "price", "size").rows()
