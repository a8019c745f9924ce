"""The commands `quotelife simulated-venue` and `quotelife clients`, for a service by itself, as in containers.

    quotelife simulated-venue --folder /market
    quotelife clients --folder /market --host quotelife --session ORDINARY

Both use a folder in shared memory. The venue writes its tape there, and the plan once it listens. When the venue has
started a new tape, the clients end with exit code 1 and their supervisor starts them again.
"""

import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from quotelife import logs
from quotelife.config import Config, load
from quotelife.logs import LogEvent, event_logger
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, mono_ns
from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED, announce_ready
from quotelife.shm.region import Follower, RegionError
from quotelife_sim.clients.deal import Deal
from quotelife_sim.clients.oms import OmsApplication, make_initiator, simulated_sessions
from quotelife_sim.clients.requests import intentions
from quotelife_sim.clients.simulator import ClientSimulator
from quotelife_sim.markets.catalog import make_market, symbols_of
from quotelife_sim.markets.sample import SampleNotInstalled
from quotelife_sim.plan import Plan, scales
from quotelife_sim.venue.player import MarketPlayer
from quotelife_sim.venue.process import VenueApplication, start_acceptor
from quotelife_sim.venue.tape import Tape, TapeFull

logger = event_logger(__name__)
_LEAD_NS = 100 * NS_PER_MS
WARM_UP_NS = 3 * NS_PER_S  # from the logon to the first request
_POLL_S = 0.5
STATUS_INTERVAL_S = 10.0  # between two lines with the outcomes


def run_venue(config_file: Path, folder: Path, market: str, seed: int, address: str) -> int:
    """Play a market until SIGTERM. Exit code 2 if the configuration does not have its instruments, or `address` is none
    of this machine's."""
    config = load(config_file)
    plan = Plan(
        market=market,
        config=str(config_file.absolute()),
        directory=str(folder),
        seed=seed,
        duration_s=0.0,
        instruments=len(config.instrument),
    )
    unknown = set(symbols_of(plan)) - scales(config).keys()
    if unknown:
        return _fail(f"{config_file}: the {market} market has {', '.join(sorted(unknown))}, which is no [[instrument]]")
    logs.configure("venue", config.log, all_lines=True)
    try:
        played = make_market(plan)
    except SampleNotInstalled as error:
        return _fail(str(error))
    folder.mkdir(parents=True, exist_ok=True)
    plan.file.unlink(missing_ok=True)
    plan.tape.unlink(missing_ok=True)
    application = VenueApplication()
    player = MarketPlayer(played, scales(config), Tape.create(plan.tape), application)
    _on_termination(player.stop)
    with TemporaryDirectory(prefix="quotelife-venue-") as folder_of_settings:
        try:
            acceptor = start_acceptor(config, application, Path(folder_of_settings), address)
        except OSError as error:
            return _fail(f"--listen {address}: {error.strerror}; allowed: an address of this machine")
        player.start(mono_ns() + _LEAD_NS)
        plan.write()
        announce_ready("venue")
        try:
            player.run()
        except TapeFull as error:
            logger.error(LogEvent.PROCESS_FAILED, "%s", error)
            return EXIT_FAILED
        finally:
            acceptor.stop(True)
    return 0


def run_clients(config_file: Path, folder: Path, host: str, sessions: Sequence[str]) -> int:
    """Send requests and hits until SIGTERM. Exit code 1 after a restart of the venue, 2 for an unknown session."""
    config = load(config_file)
    simulated = simulated_sessions(config)
    unknown = set(sessions) - set(simulated)
    if unknown:
        return _fail(f"--session {' '.join(sorted(unknown))}: not in {config_file}; allowed: {', '.join(simulated)}")
    logs.configure("clients", config.log, all_lines=True)
    stopping = threading.Event()
    _on_termination(stopping.set)
    while (plan := _read_plan(folder)) is None:
        if stopping.wait(_POLL_S):
            return 0
    return _Clients(plan, with_sessions(config, sessions or simulated, host), stopping).run()


def with_sessions(config: Config, sessions: Sequence[str], host: str) -> Config:
    """The configuration reduced to these sessions, with the service at `host`."""
    clients = [
        msgspec.structs.replace(client, sessions=simulated)
        for client in config.client
        if (simulated := [session for session in client.sessions if session in sessions])
    ]
    acceptor = msgspec.structs.replace(config.acceptor, host=host)
    return msgspec.structs.replace(config, client=clients, acceptor=acceptor)


class _Clients:
    """The clients of one process, until they are stopped or the venue is restarted."""

    def __init__(self, plan: Plan, config: Config, stopping: threading.Event) -> None:
        self._plan, self._config, self._stopping = plan, config, stopping
        self._sessions = simulated_sessions(config)
        self._tape = Tape.attach(plan.tape)
        self._newest_tape = Follower(plan.tape, Tape.attach)
        self._outcomes: Counter[str] = Counter()
        symbols = symbols_of(plan)
        self._sender = OmsApplication(scales(config), len(self._sessions))
        # The requests of a session depend on the seed and its name, not on the process that sends them.
        planned = intentions(config, plan.market, symbols_of(plan), plan.seed, 0.0)
        self._simulator = ClientSimulator(planned, symbols, self._tape, self._sender, self._count)
        self._sender.on_answer = self._simulator.on_answer
        self._code = 0

    def run(self) -> int:
        with TemporaryDirectory(prefix="quotelife-clients-") as folder:
            initiator = make_initiator(self._config, self._sender, Path(folder))
            initiator.start()
            while not self._sender.logged_on.wait(_POLL_S):
                if self._stopping.is_set() or self._venue_restarted():
                    break
            else:
                announce_ready(f"clients {' '.join(self._sessions)}")
                threading.Thread(target=self._watch, daemon=True).start()
                self._simulator.run(mono_ns() + WARM_UP_NS)
            initiator.stop(True)
        return self._code

    def _count(self, deal: Deal) -> None:
        self._outcomes[deal.outcome or "quoted"] += 1

    def _watch(self) -> None:
        """Log the outcomes until the simulator has to stop, then stop it."""
        logged_ns = mono_ns()
        while not self._stopping.wait(_POLL_S) and not self._venue_restarted():
            if mono_ns() - logged_ns > STATUS_INTERVAL_S * NS_PER_S:
                logged_ns = mono_ns()
                counts = ", ".join(f"{n} {outcome}" for outcome, n in sorted(self._outcomes.items()))
                sessions = " ".join(self._sessions)
                logger.info(LogEvent.OUTCOMES_COUNTED, "%s: %s", sessions, counts or "no answer yet", **self._outcomes)
        self._simulator.stop()

    def _venue_restarted(self) -> bool:
        """Whether the venue has started a new tape."""
        try:
            newest = self._newest_tape.poll()
            same = newest is not None and newest.inode == self._tape.inode
        except RegionError:
            same = False
        if not same:
            logger.error(LogEvent.VENUE_RESTARTED, "the venue has been restarted")
            self._code = EXIT_FAILED
        return not same


def _read_plan(folder: Path) -> Plan | None:
    """The plan of the venue; None until it is completely written."""
    try:
        return Plan.read(folder / "plan.json")
    except (OSError, msgspec.DecodeError):
        return None


def _on_termination(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())


def _fail(reason: str) -> int:
    print(reason, file=sys.stderr)
    return EXIT_CONFIG
