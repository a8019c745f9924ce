"""The two sides of a market-data test: the venue's process, and a feed with its own board."""

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from quotelife.config.venues.venue_profile import VenueProfile
from quotelife.fix.encode import Identity
from quotelife.fix.fields import unit_and_scale
from quotelife.fix.logon_recipe import password_logon
from quotelife.fix.settings import SessionSettings
from quotelife.market.board import layout as L
from quotelife.market.board.board import Board, initialise_row
from quotelife.marketdata.decoder_state import SharedArrays
from quotelife.marketdata.dialect import GENERIC
from quotelife.marketdata.feed import VenueFeed
from quotelife.marketdata.subscription.subscriptions import SubscriptionSettings
from quotelife.marketdata.transport import VenueConnection
from quotelife.marketdata.venue_instruments import VenueInstrument
from quotelife.runtime.clock import mono_ns
from tests.paths import ROOT

VENUE_MODULE = "tests.acceptance.marketdata_venue"
SYMBOLS = ("BTC-USD", "ETH-USD")
TICK = "0.5"
LOT = "0.001"

Entry = tuple[tuple[int, object], ...]


class Venue:
    """A test's handle on the venue's process. `expect` reads what it received."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.port = port
        self._process = process

    @classmethod
    @contextlib.asynccontextmanager
    async def running(
        cls, folder: Path, password: str = "", version: str = "FIX.4.4", port: int = 0
    ) -> "AsyncIterator[Venue]":
        """Port 0: one that is free."""
        command = (sys.executable, "-m", VENUE_MODULE, str(folder), password, version, str(port))
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, cwd=ROOT)
        try:
            venue = cls(process, 0)
            venue.port = int((await venue.expect("port"))[0])
            yield venue
        finally:
            with contextlib.suppress(ProcessLookupError):  # a test may have ended it
                process.kill()
            await process.wait()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def tell(self, *command: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    def send(self, msg_type: str, *fields: tuple[int, object], entries: list[Entry] | None = None) -> None:
        """Send a message; `entries` become the group of NoMDEntries (268), in the order given."""
        group = []
        if entries is not None:
            flat = [f"{tag}={value}" for entry in entries for tag, value in entry]
            group = [(268, "\x01".join([str(len(entries)), *flat]))]
        self.tell("send", msg_type, [*fields, *group])

    async def expect(self, kind: str, **where: str) -> dict[int, str]:
        """The next message of this type whose fields (`t262="1"`) are these; others before it are dropped.

        Kinds beside MsgTypes: logon, logout.
        """
        assert self._process.stdout is not None
        async with asyncio.timeout(15):
            while True:
                line = await self._process.stdout.readline()
                assert line, "the venue's process ended"
                found_kind, fields = json.loads(line)
                found = dict(fields)
                if found_kind == kind and all(found.get(int(tag[1:])) == value for tag, value in where.items()):
                    return found

    async def subscription(self, symbol: str) -> str:
        """MDReqID of the next subscription of `symbol`."""
        return (await self.expect("V", t55=symbol, t263="1"))[262]


def level(side: int, price: object, size: object, *more: tuple[int, object]) -> Entry:
    """An entry of a W."""
    return ((269, side), (270, price), (271, size), *more)


def increment(action: int, kind: int, symbol: str | None, *more: tuple[int, object]) -> Entry:
    """An entry of an X; without a symbol it belongs to the previous one."""
    named = ((55, symbol),) if symbol else ()
    return ((279, action), (269, kind), *named, *more)


class Client:
    """The service's side: a feed with its own board, connected to the venue."""

    def __init__(self, board: Board, connection: VenueConnection) -> None:
        self.board = board
        self.connection = connection
        self.feed = connection.feed

    def state(self, row: int = 0) -> int:
        return int(self.board.rows[row, L.STATE])

    def top(self, row: int = 0) -> tuple[int, int, int, int]:
        """Best bid and its size, best offer and its size; 0 for an empty side."""
        r = self.board.rows[row]
        bid = (int(r[L.BID_PX]), int(r[L.BID_SZ])) if r[L.N_BID] else (0, 0)
        ask = (int(r[L.ASK_PX]), int(r[L.ASK_SZ])) if r[L.N_ASK] else (0, 0)
        return (*bid, *ask)


async def eventually(holds: Callable[[], object], seconds: float = 10) -> None:
    """Poll until `holds()`, since shared memory has no events."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def connected(
    venue: Venue,
    folder: Path,
    by_order: bool = False,
    password: str = "",
    heartbeat_s: int = 1,
    profile: VenueProfile = GENERIC,
    reconnect_ms: tuple[float, float] = (10.0, 200.0),
) -> AsyncIterator[Client]:
    """A client of a running venue; logged out and closed at the end."""
    board = Board.create(folder / "board", len(SYMBOLS), mono_ns())
    for row in range(len(SYMBOLS)):
        initialise_row(board, row, venue=0, tick_size=float(TICK))
    subscribed = [VenueInstrument(n, s, unit_and_scale(TICK), unit_and_scale(LOT)) for n, s in enumerate(SYMBOLS)]
    settings = SessionSettings(
        Identity("QUOTELIFE", "VENUE"),
        heartbeat_s=heartbeat_s,
        logon=password_logon("desk" if password else None, password or None),
        resend_timeout_ns=500_000_000,
    )
    subscription = SubscriptionSettings(
        by_order=by_order, profile=profile, retry_ns=20_000_000, snapshot_timeout_ns=300_000_000
    )
    feed = VenueFeed("VENUE", 0, SharedArrays(board), subscribed, settings, subscription, first_request=1)
    connection = VenueConnection(feed, "127.0.0.1", venue.port, reconnect_ms)
    running = asyncio.create_task(connection.run())
    try:
        yield Client(board, connection)
    finally:
        connection.stop()
        await asyncio.wait_for(running, 10)
