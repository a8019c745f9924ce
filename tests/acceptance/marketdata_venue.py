"""A venue for the market-data tests: a real QuickFIX acceptor that does what a test tells it.

It runs in a process of its own, with the project's dictionary: without one the engine refuses repeating groups.
"""

import asyncio
import contextlib
import json
import os
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import quickfix as fix

import fix_config
from service.board import layout as L
from service.board.board import Board, initialise_row
from service.clock import mono_ns
from service.fix.encode import Identity
from service.fix.fields import unit_and_scale
from service.fix.session import SessionSettings
from service.marketdata.feed import Feed, Subscribed
from service.marketdata.recovery import RecoverySettings
from service.marketdata.tables import Shared
from service.marketdata.transport import Connection

ROOT = Path(__file__).parents[2]
DICTIONARY = Path(fix_config.__file__).with_name("FIX44.xml")
SYMBOLS = ("BTC-USD", "ETH-USD")
TICK = "0.5"
LOT = "0.001"

Entry = tuple[tuple[int, object], ...]


class _Acceptor(fix.Application):
    """The venue's process: says what it receives, one JSON line each, and obeys commands in the same form."""

    def __init__(self, folder: str, password: str) -> None:
        super().__init__()
        self._password = password
        self._id = fix.SessionID("FIX.4.4", "VENUE", "QUOTELIFE")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        file = Path(folder) / "venue.cfg"
        file.write_text(
            "[DEFAULT]\nConnectionType=acceptor\nUseDataDictionary=Y\n"
            f"DataDictionary={DICTIONARY}\nStartTime=00:00:00\nEndTime=00:00:00\n"
            f"SocketAcceptPort={port}\nSocketReuseAddress=Y\n"
            "[SESSION]\nBeginString=FIX.4.4\nSenderCompID=VENUE\nTargetCompID=QUOTELIFE\n"
        )
        self._store, self._settings = fix.MemoryStoreFactory(), fix.SessionSettings(str(file))
        self._acceptor = fix.SocketAcceptor(self, self._store, self._settings)
        self._acceptor.start()
        self._say("port", [(0, str(port))])

    def _say(self, kind: str, fields: list[tuple[int, str]]) -> None:
        print(json.dumps([kind, fields]), flush=True)

    def onCreate(self, session: fix.SessionID) -> None:
        pass

    def onLogon(self, session: fix.SessionID) -> None:
        self._say("logon", [])

    def onLogout(self, session: fix.SessionID) -> None:
        self._say("logout", [])

    def toAdmin(self, message: fix.Message, session: fix.SessionID) -> None:
        pass

    def toApp(self, message: fix.Message, session: fix.SessionID) -> None:
        pass

    def fromAdmin(self, message: fix.Message, session: fix.SessionID) -> None:
        fields = dict(self._note(message))
        if fields[35] == "A" and self._password and fields.get(554) != self._password:
            raise fix.RejectLogon("wrong password")

    def fromApp(self, message: fix.Message, session: fix.SessionID) -> None:
        self._note(message)

    def _note(self, message: fix.Message) -> list[tuple[int, str]]:
        parts = [part.partition("=") for part in message.toString().split("\x01") if part]
        fields = [(int(tag), value) for tag, _, value in parts]
        self._say(dict(fields)[35], fields)
        return fields

    def obey(self, command: str, *arguments: Any) -> None:
        session = fix.Session.lookupSession(self._id)
        if command == "send":
            self._send(*arguments)
        elif command == "skip":
            session.setNextSenderMsgSeqNum(session.getExpectedSenderNum() + arguments[0])
        elif command == "reset":
            new_seq_no = session.getExpectedSenderNum() + arguments[0]
            self._send("4", [[36, new_seq_no]])
            session.setNextSenderMsgSeqNum(new_seq_no)
        else:
            getattr(session, command)(*arguments)

    def _send(self, msg_type: str, fields: list[list[Any]]) -> None:
        message = fix.Message()
        message.getHeader().setField(8, "FIX.4.4")
        message.getHeader().setField(35, msg_type)
        for tag, value in fields:
            message.setField(tag, str(value))
        fix.Session.sendToTarget(message, self._id)


class Venue:
    """The venue as a test sees it. What it received is read with `expect`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.port = port
        self._process = process

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, folder: Path, password: str = "") -> "AsyncIterator[Venue]":
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, str(folder), password, stdin=PIPE, stdout=PIPE, cwd=ROOT
        )
        try:
            venue = cls(process, 0)
            venue.port = int((await venue.expect("port"))[0])
            yield venue
        finally:
            process.kill()
            await process.wait()

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
                assert line, "the venue ended"
                found_kind, fields = json.loads(line)
                found = {tag: value for tag, value in fields}
                if found_kind == kind and all(found.get(int(tag[1:])) == value for tag, value in where.items()):
                    return found

    async def subscription(self, symbol: str) -> str:
        """MDReqID of the next subscription of `symbol`."""
        return (await self.expect("V", t55=symbol, t263="1"))[262]


def level(side: int, price: object, size: object, *more: tuple[int, object]) -> Entry:
    """An entry of a W."""
    return ((269, side), (270, price), (271, size), *more)


def increment(action: int, kind: int, symbol: str | None, *more: tuple[int, object]) -> Entry:
    """An entry of an X; without a symbol it is about the one before."""
    named = ((55, symbol),) if symbol else ()
    return ((279, action), (269, kind), *named, *more)


class Client:
    """The service's side in a test: a feed on a board of its own, connected to the venue."""

    def __init__(self, board: Board, connection: Connection) -> None:
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
    """Wait until `holds()`; the board is memory, so there is no event to wait for."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def connected(
    venue: Venue, folder: Path, by_order: bool = False, password: str = "", heartbeat_s: int = 1
) -> AsyncIterator[Client]:
    """A client of a started venue; logged out and closed at the end."""
    board = Board.create(folder / "board", len(SYMBOLS), mono_ns())
    for row in range(len(SYMBOLS)):
        initialise_row(board, row, venue=0, tick_size=float(TICK))
    subscribed = [Subscribed(n, s, unit_and_scale(TICK), unit_and_scale(LOT)) for n, s in enumerate(SYMBOLS)]
    settings = SessionSettings(
        Identity("QUOTELIFE", "VENUE"),
        heartbeat_s=heartbeat_s,
        username="desk" if password else None,
        password=password or None,
        resend_timeout_ns=500_000_000,
    )
    recovery = RecoverySettings(by_order=by_order, pause_ns=20_000_000, snapshot_timeout_ns=300_000_000)
    feed = Feed("VENUE", 0, Shared(board), subscribed, settings, recovery, first_request=1)
    connection = Connection(feed, "127.0.0.1", venue.port, (10.0, 200.0))
    running = asyncio.create_task(connection.run())
    try:
        yield Client(board, connection)
    finally:
        connection.stop()
        await asyncio.wait_for(running, 10)


if __name__ == "__main__":
    acceptor = _Acceptor(*sys.argv[1:])
    for line in sys.stdin:
        acceptor.obey(*json.loads(line))
    os._exit(0)  # stopping the engine's threads is not what is tested
