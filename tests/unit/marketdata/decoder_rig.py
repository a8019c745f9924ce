"""A decoder with its own board, for tests: bytes in, arrays out."""

import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from quotelife.fix.encode import Field, Identity, encode
from quotelife.fix.fields import unit_and_scale
from quotelife.fix.session import EXPECTED, IN_SEQUENCE
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board, initialise_row
from quotelife.market.book.orders import Orders
from quotelife.market.capture.ring import Ring
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import NEEDS_BYTES, decode
from quotelife.marketdata.decoder_state import SharedArrays, addresses_of, make_decoder_state
from quotelife.marketdata.symbol_table import SymbolTable

VENUE = Identity("VENUE", "DESK")
TIME = "20260101-12:00:00.000"
REQUEST = 77
COUNTERS = (
    "messages",
    "entries",
    "trades",
    "snapshots",
    "garbled",
    "skipped_bytes",
    "unknown_symbols",
    "unknown_orders",
    "off_tick",
    "ignored",
    "dropped",
    "duplicates",
    "malformed",
    "book_gaps",
)


def message(msg_type: str, seq_num: int, body: Iterable[Field], dup: bool = False) -> bytes:
    return encode(VENUE, msg_type, seq_num, TIME, body, TIME if dup else None)


@cache
def table_of(symbols: tuple[str, ...], silent: int) -> SymbolTable:
    names = {symbol: row for row, symbol in enumerate(symbols)}
    return SymbolTable(names | {f"silent-{n}": n % len(symbols) for n in range(silent)})


class Rig:
    """Board rows in the order of `symbols`; each awaits a snapshot with MDReqID 77. The venue lists `silent` more
    symbols, for which no message is sent."""

    def __init__(
        self,
        symbols: Iterable[str] = ("A", "B"),
        by_order: bool = False,
        tick: str = "0.5",
        captured: int = 1 << 10,
        silent: int = 0,
    ) -> None:
        rows = {symbol: row for row, symbol in enumerate(symbols)}
        with tempfile.TemporaryDirectory() as folder:
            self.board = Board.create(Path(folder) / "board", len(rows), 1)
        self.shared = SharedArrays(self.board, Ring.private(len(rows), captured))
        self.orders = Orders(len(rows), 1 << 12)
        self.decoder_state = make_decoder_state(
            self.shared, table_of(tuple(rows), silent), self.orders, by_order, 1 << 20
        )
        self.addresses = addresses_of(self.decoder_state)
        self.control = self.decoder_state.control
        for row in rows.values():
            initialise_row(self.board, row, venue=0, tick_size=0.5)
            self.decoder_state.instruments[row] = (M.SYNC_WAITING, REQUEST, -1, *unit_and_scale(tick), 1, 0, 0)
        self.decoder_state.sequence[EXPECTED] = self.seq_num = 1
        self.decoder_state.sequence[IN_SEQUENCE] = 1
        self.now_ns = 10**9

    def feed(self, data: bytes) -> int:
        """Append bytes to those not yet decoded. Returns what `decode` returns."""
        start, end = int(self.control[M.START]), int(self.control[M.END])
        rest = self.decoder_state.buf[start:end].tobytes() + data
        self.decoder_state.buf[: len(rest)] = np.frombuffer(rest, np.uint8)
        self.control[M.START], self.control[M.END] = 0, len(rest)
        self.now_ns += 1_000_000
        return int(decode(self.addresses, self.now_ns))

    def receive(self, msg_type: str, *body: Field, dup: bool = False) -> int:
        data = message(msg_type, self.seq_num, body, dup)
        self.seq_num += 1
        return self.feed(data)

    def snapshot(self, symbol: str = "A", *more: Field, rpt_seq: int | None = None) -> None:
        """Bids 100 (1), 99.5 (2); offers 101 (3), 102 (4)."""
        head: list[Field] = [(55, symbol), (262, REQUEST)]
        if rpt_seq is not None:
            head.append((83, rpt_seq))
        levels = [(0, "100", 1), (0, "99.5", 2), (1, "101", 3), (1, "102", 4)]
        entries: list[Field] = []
        for at, (side, price, size) in enumerate(levels):
            entries += [(269, side), (278, f"s{at}"), (270, price), (271, size)]
        assert self.receive("W", *head, (268, len(levels)), *entries, *more) == NEEDS_BYTES
        assert self.state(int(symbol == "B")) == L.BOOK_LIVE

    def state(self, row: int = 0) -> int:
        return int(self.board.rows[row, L.STATE])

    def counters(self) -> dict[str, int]:
        words = self.control[M.MESSAGES :]
        return {name: int(n) for name, n in zip(COUNTERS, words, strict=False) if n}

    def book(self, row: int = 0) -> tuple[dict[int, int], dict[int, int]]:
        """Bids and offers: price in ticks to size in lots."""
        sides = []
        for side in range(2):
            n = int(self.decoder_state.n[row, side])
            px, sz = self.decoder_state.px[row, side, :n], self.decoder_state.sz[row, side, :n]
            sides.append(dict(zip(px.tolist(), sz.tolist(), strict=True)))
        return sides[0], sides[1]
