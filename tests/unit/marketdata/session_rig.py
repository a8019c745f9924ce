"""A logged-on feed without a socket, and the venue's side of it."""

import re
import tempfile
from pathlib import Path

from quotelife.config.venues.venue_profile import VenueProfile
from quotelife.fix.encode import Identity, encode
from quotelife.fix.logon_recipe import NO_CREDENTIALS, LogonRecipe
from quotelife.fix.settings import SessionSettings
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board
from quotelife.marketdata import layout as M
from quotelife.marketdata.decoder_state import SharedArrays
from quotelife.marketdata.dialect import GENERIC
from quotelife.marketdata.feed import VenueFeed
from quotelife.marketdata.subscription.subscriptions import SubscriptionSettings
from quotelife.marketdata.venue_instruments import VenueInstrument

WALL = 1_767_225_600 * 10**9
TIME = "20260101-00:00:00.000"
MS = 1_000_000


class Announced:
    """Stands for a reader that wakes at each announcement of the board: what it saw then."""

    def __init__(self, board: Board) -> None:
        self._board, self._announce = board, board.announce
        board.announce = self._on_announcement  # type: ignore[method-assign]
        self.seen = self.now()

    def _on_announcement(self) -> None:
        self.seen = self.now()
        self._announce()

    def now(self) -> tuple[list[int], ...]:
        rows, venue = self._board.rows, self._board.venues[0]
        states = [rows[:, word].tolist() for word in (L.STATE, L.HALTED, L.BID_PX)]
        return (*states, [int(venue[L.V_STATE]), int(venue[L.V_LATE_SINCE_NS])])


class Rig:
    """Symbols are letters; the SecurityID of A is 1. After each call, readers must have been told of every change."""

    def __init__(
        self,
        by_order: bool = False,
        symbols: str = "A",
        groups: str = "",
        logon: LogonRecipe = NO_CREDENTIALS,
        **tables: object,
    ) -> None:
        profile = VenueProfile(title="test", tried="", **tables) if tables else GENERIC
        with tempfile.TemporaryDirectory() as folder:
            self.board = Board.create(Path(folder) / "board", len(symbols), 1)
        self.announced = Announced(self.board)
        subscribed = [
            VenueInstrument(row, symbol, (5, 1), (1, 0), str(row + 1), groups[row : row + 1] or None)
            for row, symbol in enumerate(symbols)
        ]
        settings = SubscriptionSettings(by_order=by_order, profile=profile)
        session = SessionSettings(Identity("DESK", "VENUE"), logon=logon)
        self.feed = VenueFeed("V", 0, SharedArrays(self.board), subscribed, session, settings, first_request=7)
        self.symbols = symbols
        self.now, self.seq = 10**9, 0
        self.log_on()

    def log_on(self) -> None:
        self.seq = 0
        self.feed.connected(self.now, WALL)
        self.receive("A", (98, 0), (108, 30), (141, "Y"))

    def _drain(self) -> list[list[tuple[int, str]]]:
        messages = re.findall(rb"8=FIX.*?\x0110=\d{3}\x01", self.feed.drain(), re.DOTALL)
        texts = [[field.partition("=") for field in message.decode().split("\x01")[:-1]] for message in messages]
        return [[(int(tag), value) for tag, _, value in fields] for fields in texts]

    def sent(self) -> list[dict[int, str]]:
        """The messages sent since; the last value of repeated tags."""
        return [dict(fields) for fields in self._drain()]

    def sent_types(self) -> str:
        return "".join(message[35] for message in self.sent())

    def requests(self) -> list[str]:
        """The MarketDataRequests sent since, such as "+7 A"."""
        found = []
        for fields in self._drain():
            values = dict(fields)
            if values[35] == "V":
                symbols = "".join(value for tag, value in fields if tag == 55)
                found.append(f"{'+' if values[263] == '1' else '-'}{values[262]} {symbols}")
        return found

    def bytes_of(self, msg_type: str, *body: tuple[int, object]) -> bytes:
        self.seq += 1
        return encode(Identity("VENUE", "DESK"), msg_type, self.seq, TIME, body)

    def put(self, data: bytes) -> None:
        room = self.feed.free_buffer()
        room[: len(data)] = data
        self.now += 1000
        self.feed.received(len(data), self.now, WALL)
        self.check_announced()

    def receive(self, msg_type: str, *body: tuple[int, object]) -> None:
        self.put(self.bytes_of(msg_type, *body))

    def on_timer(self, after_ns: int = 0) -> None:
        self.now += after_ns
        self.feed.on_timer(self.now, WALL)
        self.check_announced()

    def check_announced(self) -> None:
        assert self.announced.seen == self.announced.now()

    def request_of(self, symbol: str = "A") -> int:
        return int(self.feed._shared.instruments[self.symbols.index(symbol), M.I_REQUEST])

    def snapshot(self, symbol: str = "A") -> None:
        entry = ((269, 0), (278, "s"), (270, 100), (271, 1))
        self.receive("W", (55, symbol), (262, self.request_of(symbol)), (268, 1), *entry)
        assert self.state(symbol) == L.BOOK_LIVE

    def state(self, symbol: str = "A") -> int:
        return int(self.board.rows[self.symbols.index(symbol), L.STATE])

    def states(self) -> list[int]:
        return self.board.rows[:, L.STATE].tolist()
