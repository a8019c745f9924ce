"""The process of the simulated clients: one QuickFIX initiator with a session per client.

    python -m quotelife_sim.clients.oms PLAN.json

On a line `LOGON` on its standard input it logs on, prints `READY clients` once every session has, and sends requests
from the time in a line `PLAY monotonic_ns`. For each deal it prints a line of JSON when it is quoted and when it ends.
It ends after the last deal, on a line `STOP` or at the end of its input; its last line is `DONE`.
"""

import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import quickfix as fix

from quotelife import logs
from quotelife.config import Config
from quotelife.logs import LogEvent, event_logger
from quotelife.runtime.clock import mono_ns, parse_utc_timestamp, wall_ns
from quotelife.runtime.process import announce_ready, end_with_parent, ignore_hangup
from quotelife_models.enums import BUY, SELL
from quotelife_sim.clients.deal import Deal
from quotelife_sim.clients.requests import Intention, intentions, simulated
from quotelife_sim.clients.simulator import Answer, ClientSimulator
from quotelife_sim.engine_settings import COMMON, write_settings
from quotelife_sim.markets.catalog import symbols_of
from quotelife_sim.markets.market import Scale
from quotelife_sim.plan import Plan, scales
from quotelife_sim.venue.tape import Tape

logger = event_logger(__name__)
SOH = "\x01"
_SWITCH_S = 0.0005  # the threads of engine and simulator share one interpreter
EXPIRY_MODEL, MOVE_PROBABILITY, LIFETIME_REASON, PICK_OFF_PROBABILITY = 20001, 20002, 20003, 20005


class OmsApplication(fix.Application):
    """Sends R and AJ and passes S, AG, Z and 8 on as answers. Other messages are logged to the standard error."""

    def __init__(self, scale_of: Mapping[str, Scale], expected: int) -> None:
        super().__init__()
        self.on_answer: Callable[[Answer], None] = lambda answer: None
        self.logged_on = threading.Event()
        self._scale_of, self._expected = scale_of, expected
        self._sessions: dict[str, fix.SessionID] = {}
        self._logged_on: set[str] = set()
        self._run = f"{wall_ns():x}"
        self._requests: dict[int, Intention] = {}

    def send(self, intention: Intention) -> str:
        self._requests[intention.number] = intention
        request_id = f"{self._run}-{intention.number}"
        fix.Session.sendToTarget(request(intention, request_id), self._sessions[intention.session])
        return request_id

    def hit(self, deal: Deal) -> None:
        intention = deal.intention
        fix.Session.sendToTarget(hit(deal, self._scale_of[intention.symbol]), self._sessions[intention.session])

    def onCreate(self, session: fix.SessionID) -> None:
        copy = fix.SessionID()
        copy.fromString(session.toString())
        self._sessions[session.getSenderCompID().getString()] = copy

    def onLogon(self, session: fix.SessionID) -> None:
        self._logged_on.add(session.toString())
        if len(self._logged_on) == self._expected:
            self.logged_on.set()

    def onLogout(self, session: fix.SessionID) -> None:
        self._logged_on.discard(session.toString())

    def toAdmin(self, message: fix.Message, session: fix.SessionID) -> None:
        pass

    def fromAdmin(self, message: fix.Message, session: fix.SessionID) -> None:
        pass

    def toApp(self, message: fix.Message, session: fix.SessionID) -> None:
        pass

    def fromApp(self, message: fix.Message, session: fix.SessionID) -> None:
        at_ns, at_wall_ns = mono_ns(), wall_ns()
        try:
            self._dispatch(message, at_ns, at_wall_ns)
        except (fix.FieldNotFound, ValueError, KeyError) as error:
            logger.warning(LogEvent.MESSAGE_INVALID, "invalid message: %r", error)

    def _dispatch(self, message: fix.Message, at_ns: int, at_wall_ns: int) -> None:
        kind = message.getHeader().getField(35)
        if kind == "AI":
            return  # status after a late hit, which the ExecutionReport repeats
        if kind == "8":
            number = int(message.getField(693).partition("-")[2])
            filled = message.getField(39) == "2"
            refused = int(message.getField(103)) if not filled and message.isSetField(103) else None
            self.on_answer(Answer(number=number, at_ns=at_ns, fields={}, filled=filled, refused_hit=refused))
            return
        if kind == "Z":
            number = int(message.getField(131).partition("-")[2])
            self.on_answer(Answer(number=number, at_ns=at_ns, fields={}, withdrawn=True))
            return
        if kind not in ("S", "AG"):
            logger.warning(LogEvent.MESSAGE_UNEXPECTED, "unexpected message: %s", message.toString().replace(SOH, "|"))
            return
        run, _, number = message.getField(131).partition("-")
        intention = self._requests.pop(int(number), None) if run == self._run else None
        if intention is None:
            return
        if kind == "S":
            fields = quote_fields(message, self._scale_of[intention.symbol], at_ns, at_wall_ns)
        else:
            fields = {"reject_code": int(message.getField(658)), "reason": _text(message, 58)}
        self.on_answer(Answer(number=intention.number, at_ns=at_ns, fields=fields))


def request(intention: Intention, request_id: str) -> fix.Message:
    """R with one related symbol; no Side (54) for a two-way request."""
    message = fix.Message()
    message.getHeader().setField(8, "FIX.4.4")
    message.getHeader().setField(35, "R")
    message.setField(131, request_id)
    if intention.override is not None:
        message.setField(EXPIRY_MODEL, intention.override)
    side = [] if intention.two_way else [f"54={_side(intention)}"]
    # The group is the value of its count field: see `venue.messages`.
    message.setField(146, SOH.join(["1", f"55={intention.symbol}", *side, f"38={intention.quantity}"]))
    return message


def _side(intention: Intention) -> str:
    return str(BUY if intention.buys else SELL)


def hit(deal: Deal, scale: Scale) -> fix.Message:
    """AJ that hits the quote; its QuoteRespID (693) is the id of the request."""
    assert deal.price is not None
    message = fix.Message()
    message.getHeader().setField(8, "FIX.4.4")
    message.getHeader().setField(35, "AJ")
    message.setField(693, deal.request_id)
    message.setField(694, "1")
    message.setField(117, deal.quote_id)
    message.setField(55, deal.intention.symbol)
    message.setField(54, _side(deal.intention))
    message.setField(38, deal.intention.quantity)
    message.setField(44, scale.price(round(deal.price)))
    return message


def quote_fields(message: fix.Message, scale: Scale, at_ns: int, at_wall_ns: int) -> dict[str, object]:
    """Of a Deal. What only extensions tell is empty where the client has not agreed on them."""
    valid_until_ns = parse_utc_timestamp(message.getField(62))
    return {
        "quote_id": message.getField(117),
        "bid": _price(message, 132, scale),
        "offer": _price(message, 133, scale),
        "valid_until_wall_ns": valid_until_ns,
        "expires_ns": at_ns + valid_until_ns - at_wall_ns,
        "lifetime_ns": valid_until_ns - parse_utc_timestamp(message.getField(60)),
        "model": _text(message, EXPIRY_MODEL),
        "reason": _text(message, LIFETIME_REASON),
        "move_probability": _float(message, MOVE_PROBABILITY),
        "pick_off_probability": _float(message, PICK_OFF_PROBABILITY),
    }


def _text(message: fix.Message, tag: int) -> str:
    return message.getField(tag) if message.isSetField(tag) else ""


def _float(message: fix.Message, tag: int) -> float | None:
    return float(message.getField(tag)) if message.isSetField(tag) else None


def _price(message: fix.Message, tag: int, scale: Scale) -> float | None:
    return scale.ticks(message.getField(tag)) if message.isSetField(tag) else None


def simulated_sessions(config: Config) -> list[str]:
    return [session for _, session in simulated(config)]


def make_initiator(config: Config, application: OmsApplication, folder: Path) -> fix.SocketInitiator:
    """An initiator with every simulated session; its settings are written to `folder`."""
    defaults: dict[str, Any] = {
        **COMMON,
        "ConnectionType": "initiator",
        "HeartBtInt": 5,
        "ReconnectInterval": 1,
        "SocketConnectHost": config.acceptor.host,
        "SocketConnectPort": config.acceptor.port,
        "TargetCompID": config.acceptor.sender_comp_id,
    }
    sessions = [{"SenderCompID": session} for session in simulated_sessions(config)]
    path = write_settings(folder / "clients.cfg", defaults, sessions)
    return fix.SocketInitiator(application, fix.MemoryStoreFactory(), fix.SessionSettings(str(path)))


class Commands:
    """The commands of the run, read from the standard input by a thread of its own."""

    def __init__(self) -> None:
        self.logon, self.started = threading.Event(), threading.Event()
        self.start_ns: int | None = None  # None where the run ends before it plays
        self.on_stop: Callable[[], None] = lambda: None
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            if line.startswith("LOGON"):
                self.logon.set()
            elif line.startswith("PLAY "):
                self.start_ns = int(line.split()[1])
                self.started.set()
            elif line.startswith("STOP"):
                break
        self.on_stop()
        self.logon.set()
        self.started.set()


def main(arguments: list[str]) -> int:
    end_with_parent()
    ignore_hangup()  # the run ends its processes
    sys.setswitchinterval(_SWITCH_S)
    commands = Commands()
    plan = Plan.read(arguments[0])
    config = plan.configuration()
    logs.configure("clients", config.log, all_lines=True)
    application = OmsApplication(scales(config), len(simulated_sessions(config)))
    initiator = make_initiator(config, application, Path(plan.directory))
    encoder = msgspec.json.Encoder()

    def emit(deal: Deal) -> None:
        sys.stdout.buffer.write(encoder.encode(deal) + b"\n")
        sys.stdout.buffer.flush()

    commands.logon.wait()
    if not commands.started.is_set():
        requests = intentions(config, plan.market, symbols_of(plan), plan.seed, plan.duration_s)
        simulator = ClientSimulator(requests, symbols_of(plan), Tape.attach(plan.tape), application, emit)
        application.on_answer, commands.on_stop = simulator.on_answer, simulator.stop
        initiator.start()
        while not application.logged_on.wait(0.1) and not commands.started.is_set():
            pass
        if application.logged_on.is_set():
            announce_ready("clients")
        commands.started.wait()
        if commands.start_ns is not None:
            simulator.run(commands.start_ns)
    print("DONE", flush=True)
    initiator.stop(True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
