"""The venue process: a FIX acceptor that plays a market to its subscribers.

    python -m quotelife_sim.venue.process PLAN.json

It prints `READY venue` once it listens and `FOLLOWED n` whenever the number of subscribed instruments changes. It plays
from the time in a line `PLAY monotonic_ns` on its standard input. At the end of that input it prints a line
`PLAYED {json}` with its statistics and ends. A venue that is restarted on an existing tape gets `RESUME monotonic_ns`
with the same time, and continues where the market would be by now.
"""

import json
import sys
import threading
from collections import deque
from pathlib import Path

import quickfix as fix

from quotelife import logs
from quotelife.config import Config
from quotelife.config.shipped import FIX_CONFIG
from quotelife.config.value_types import LOOPBACK
from quotelife.logs import LogEvent, event_logger
from quotelife.runtime.clock import mono_ns
from quotelife.runtime.process import announce_ready, end_with_parent, ignore_hangup
from quotelife_sim.engine_settings import COMMON, write_settings
from quotelife_sim.markets.catalog import make_market
from quotelife_sim.plan import Plan, scales
from quotelife_sim.venue.listener import AddressedListener
from quotelife_sim.venue.player import MarketPlayer
from quotelife_sim.venue.tape import Tape, TapeFull

logger = event_logger(__name__)


class VenueApplication(fix.Application):
    """Callbacks only queue messages for the player, which handles its books in one thread."""

    def __init__(self) -> None:
        super().__init__()
        self.inbox: deque[tuple[str, str, str]] = deque()  # MsgType ("" for a logout), session, raw message
        self.wake = threading.Event()

    def onCreate(self, session: fix.SessionID) -> None:
        pass

    def onLogon(self, session: fix.SessionID) -> None:
        pass

    def onLogout(self, session: fix.SessionID) -> None:
        self._enqueue("", session, "")

    def toAdmin(self, message: fix.Message, session: fix.SessionID) -> None:
        pass

    def fromAdmin(self, message: fix.Message, session: fix.SessionID) -> None:
        pass

    def toApp(self, message: fix.Message, session: fix.SessionID) -> None:
        pass

    def fromApp(self, message: fix.Message, session: fix.SessionID) -> None:
        self._enqueue(message.getHeader().getField(35), session, message.toString())

    def _enqueue(self, msg_type: str, session: fix.SessionID, text: str) -> None:
        self.inbox.append((msg_type, session.toString(), text))
        self.wake.set()


def start_acceptor(
    config: Config, application: VenueApplication, folder: Path, address: str = LOOPBACK[0]
) -> fix.SocketAcceptor:
    """An acceptor with one session per configured venue, with the CompIDs swapped, that listens on `address`. Settings
    go to `folder`. OSError if it cannot listen there."""
    listeners = {port: AddressedListener(address, port) for port in {venue.port for venue in config.venue}}
    sessions = [
        {
            "SenderCompID": venue.target_comp_id,
            "TargetCompID": venue.sender_comp_id,
            "SocketAcceptPort": listeners[venue.port].engine_port,
        }
        for venue in config.venue
    ]
    dictionary = FIX_CONFIG / "FIX44.xml"
    defaults = {
        **COMMON,
        "ConnectionType": "acceptor",
        "SocketReuseAddress": "Y",
        "UseDataDictionary": "Y",
        "DataDictionary": dictionary,
    }
    path = write_settings(folder / "venue.cfg", defaults, sessions)
    settings = fix.SessionSettings(str(path))
    acceptor = fix.SocketAcceptor(application, fix.MemoryStoreFactory(), settings)
    acceptor.start()
    for listener in listeners.values():
        listener.hand_over()
    return acceptor


def _read_commands(player: MarketPlayer) -> None:
    for line in sys.stdin:
        if line.startswith("PLAY "):
            player.start(int(line.split()[1]))
        elif line.startswith("RESUME "):
            player.start(int(line.split()[1]), resumed_ns=mono_ns())
    player.stop()


def main(arguments: list[str]) -> int:
    end_with_parent()
    ignore_hangup()  # the run ends its processes
    plan = Plan.read(arguments[0])
    logs.configure("venue", plan.configuration().log, all_lines=True)
    application = VenueApplication()
    tape = Tape.attach(plan.tape) if plan.tape.exists() else Tape.create(plan.tape)
    player = MarketPlayer(make_market(plan), scales(plan.configuration()), tape, application)
    acceptor = start_acceptor(plan.configuration(), application, Path(plan.directory))
    threading.Thread(target=_read_commands, args=(player,), daemon=True).start()
    announce_ready("venue")
    try:
        player.run()
    except TapeFull as error:
        logger.error(LogEvent.PROCESS_FAILED, "%s", error)
        return 1
    finally:
        print("PLAYED " + json.dumps(player.statistics()), flush=True)
        acceptor.stop(True)  # an orderly logout waits seconds for the peer
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
