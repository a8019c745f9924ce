"""Two venues of one instrument, each with its feed, for tests: messages in, the board out."""

from datetime import UTC, datetime
from pathlib import Path

from quotelife.config import load
from quotelife.config.paths import RunPaths
from quotelife.config.venues.venue_sessions import venue_sessions
from quotelife.fix.encode import Field, Identity, encode
from quotelife.market.board import layout as L
from quotelife.market.capture import layout as C
from quotelife.market.capture.ring import Block, Ring
from quotelife.marketdata.decoder_state import SharedArrays
from quotelife.marketdata.metrics import MarketDataMetrics
from quotelife.marketdata.process import make_board, make_feed

CONFIG = """
[[venue]]
name = "A"
port = 1
sender_comp_id = "DESK"
target_comp_id = "A"

[[venue]]
name = "B"
port = 2
sender_comp_id = "DESK"
target_comp_id = "B"

[[instrument]]
symbol = "OTHER"
tick = "1"
lot = "1"
venue = "B"

[[instrument]]
symbol = "EUR/USD"
tick = "1"
lot = "1"
venue = ["A", "B"]
venue_symbol = {{ B = "EURUSD" }}
combine = "{combine}"

[[client]]
name = "Client"
sessions = ["CLIENT"]
"""
WALL_NS = 1_767_268_800_000_000_000  # noon
SYMBOLS = {"A": "EUR/USD", "B": "EURUSD"}
ROW = 1


class FeedRig:
    """Both feeds, logged on and subscribed."""

    def __init__(self, folder: Path, combine: str, captured: int = 1 << 10) -> None:
        self.combine = combine
        file = folder / "quotelife.toml"
        file.write_text(CONFIG.format(combine=combine))
        self.config = config = load(file)
        self.board = make_board(config, folder / "board")
        self.shared = SharedArrays(self.board, Ring.private(len(self.board.all_rows), captured))
        metrics = MarketDataMetrics(RunPaths(folder), ["A", "B"])
        self.feeds = {s.name: make_feed(config, s, self.shared, metrics) for s in venue_sessions(config)}
        self.seq_num = dict.fromkeys(self.feeds, 0)
        self.now_ns, self.delay_ns = 10**9, 0
        for name in self.feeds:
            self.log_on(name)

    def log_on(self, name: str) -> None:
        feed = self.feeds[name]
        self.seq_num[name] = 0
        feed.connected(self.now_ns, WALL_NS)
        self.send(name, "A", (98, 0), (108, 1), (141, "Y"))
        assert feed.up

    def send(self, name: str, msg_type: str, *body: Field) -> None:
        self.seq_num[name] += 1
        self.now_ns += 1_000_000
        feed = self.feeds[name]
        sent = datetime.fromtimestamp((WALL_NS + self.now_ns - self.delay_ns) / 1e9, UTC)
        time = f"{sent:%Y%m%d-%H:%M:%S.%f}"[:-3]
        data = encode(Identity(name, "DESK"), msg_type, self.seq_num[name], time, body)
        feed.free_buffer()[: len(data)] = data
        feed.received(len(data), self.now_ns, WALL_NS)
        feed.on_timer(self.now_ns, WALL_NS)
        feed.drain()

    def snapshot(self, name: str, bid: int, ask: int, size: int = 1) -> None:
        levels = [(269, 0), (270, bid), (271, size), (269, 1), (270, ask), (271, size)]
        self.send(name, "W", (55, SYMBOLS[name]), (268, 2), *levels)

    def increment(self, name: str, *entry: Field) -> None:
        self.send(name, "X", (268, 1), *entry[:2], (55, SYMBOLS[name]), *entry[2:])

    def top(self) -> tuple[int, int, int, int]:
        r = self.board.rows[ROW]
        assert r[L.STATE] == L.BOOK_LIVE
        return int(r[L.BID_PX]), int(r[L.BID_SZ]), int(r[L.ASK_PX]), int(r[L.ASK_SZ])

    def parts(self) -> int:
        return int(self.board.rows[ROW, L.PARTS])

    def events(self) -> Block:
        ring = self.shared.capture
        block = Block(0, ring.events[: ring.header[C.H_NEXT]])
        return Block(0, block.words[block.row == ROW])
