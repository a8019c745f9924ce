"""A decoder with its own board, for tests: bytes in, arrays out."""

import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np

from quotelife.config.venues.venue_profile import BookModel, VenueProfile
from quotelife.fix.encode import Field, Identity, encode
from quotelife.fix.fields import unit_and_scale
from quotelife.fix.session import EXPECTED, IN_SEQUENCE
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board, initialise_row
from quotelife.market.book.orders import Orders
from quotelife.market.capture.ring import Ring
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder import NEEDS_BYTES, decode, start_empty_books
from quotelife.marketdata.decoder_state import SharedArrays, addresses_of, make_decoder_state
from quotelife.marketdata.dialect import GENERIC, dialect_of
from quotelife.marketdata.symbol_table import SymbolTable
from quotelife.metrics.labels import INVALIDATIONS

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
    """Board rows in the order of `symbols`; each awaits a snapshot with MDReqID 77, or is live and empty if the
    profile's subscription has none. The venue lists `silent` more symbols, for which no message is sent.
    `security_ids`: symbol to SecurityID."""

    def __init__(
        self,
        symbols: Iterable[str] = ("A", "B"),
        by_order: bool = False,
        tick: str = "0.5",
        captured: int = 1 << 10,
        silent: int = 0,
        profile: VenueProfile = GENERIC,
        model: BookModel | None = None,
        depth: int = 0,
        lot: str = "1",
        security_ids: Mapping[str, str] | None = None,
    ) -> None:
        rows = {symbol: row for row, symbol in enumerate(symbols)}
        with tempfile.TemporaryDirectory() as folder:
            self.board = Board.create(Path(folder) / "board", len(rows), 1)
        self.shared = SharedArrays(self.board, Ring.private(len(rows), captured))
        self.orders = Orders(len(rows), 1 << 12)
        self.dialect = dialect_of(profile, "order" if by_order else model, depth)
        symbols_table = table_of(tuple(rows), silent)
        ids = SymbolTable({value: rows[symbol] for symbol, value in (security_ids or {}).items()})
        addresses = (ids, symbols_table) if self.dialect.by_security_id else (symbols_table, ids)
        self.decoder_state = make_decoder_state(
            self.shared, addresses[0], self.orders, self.dialect, 1 << 20, addresses[1]
        )
        self.addresses = addresses_of(self.decoder_state)
        self.control = self.decoder_state.control
        for row in rows.values():
            initialise_row(self.board, row, venue=0, tick_size=0.5)
            self.shared.reset_instrument(row, unit_and_scale(tick), unit_and_scale(lot))
            self.decoder_state.instruments[row, :2] = (M.SYNC_WAITING, REQUEST)
        if self.dialect.no_snapshot:
            start_empty_books(self.addresses, np.arange(len(rows)), 10**9)
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

    def compact(self) -> None:
        """What a feed does between two reads: drop orders of cleared books."""
        self.orders.compact()
        if self.orders.table is not self.decoder_state.orders:
            self.decoder_state = self.decoder_state._replace(orders=self.orders.table)
            self.addresses = addresses_of(self.decoder_state)

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

    def reasons(self) -> dict[str, int]:
        """Why books became invalid, and how many."""
        words = self.control[M.INVALIDATED :]
        return {name: int(n) for name, n in zip(INVALIDATIONS, words, strict=False) if n}

    def book(self, row: int = 0) -> tuple[dict[int, int], dict[int, int]]:
        """Bids and offers: price in ticks to size in lots."""
        sides = []
        for side in range(2):
            n = int(self.decoder_state.n[row, side])
            px, sz = self.decoder_state.px[row, side, :n], self.decoder_state.sz[row, side, :n]
            sides.append(dict(zip(px.tolist(), sz.tolist(), strict=True)))
        return sides[0], sides[1]
