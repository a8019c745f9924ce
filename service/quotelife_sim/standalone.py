"""The simulation's venue and its clients each on their own, as in containers: the service between them is a real one.

    quotelife venue --folder /market
    quotelife clients --folder /market --host quotelife --session ORDINARY

They meet in a folder in shared memory. The venue puts the tape there, and the plan once it listens. Clients that find
that the venue has begun another tape end with exit code 1, and are started again by whoever started them.
"""

import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from quotelife.config import Config, load
from quotelife.runtime.clock import NS_PER_MS, NS_PER_S, mono_ns
from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED, announce_ready
from quotelife_sim.clients.conversation import Deal
from quotelife_sim.clients.oms import OmsApplication, make_initiator, simulated_sessions
from quotelife_sim.clients.requests import intentions
from quotelife_sim.clients.trader import Desk
from quotelife_sim.markets.catalog import make_market, symbols_of
from quotelife_sim.markets.sample import SampleMissing
from quotelife_sim.plan import Plan, scales
from quotelife_sim.venue.player import Player
from quotelife_sim.venue.process import VenueApplication, make_acceptor
from quotelife_sim.venue.tape import Tape, TapeFull

_LEAD_NS = 100 * NS_PER_MS
WARM_UP_NS = 3 * NS_PER_S  # from the logon to the first request
_LOOK_S = 0.5
SAY_S = 10.0  # between two lines about what has happened


def run_venue(config_file: Path, folder: Path, market: str, seed: int) -> int:
    """Play a market without end until SIGTERM; 2 if the configuration does not fit it."""
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
        return _refuse(
            f"{config_file}: the {market} market is of {', '.join(sorted(unknown))}, which is no [[instrument]]"
        )
    try:
        played = make_market(plan)
    except SampleMissing as error:
        return _refuse(str(error))
    folder.mkdir(parents=True, exist_ok=True)
    plan.file.unlink(missing_ok=True)
    plan.tape.unlink(missing_ok=True)
    application = VenueApplication()
    player = Player(played, scales(config), Tape.create(plan.tape), application)
    _on_end(player.stop)
    with TemporaryDirectory(prefix="quotelife-venue-") as own:
        acceptor = make_acceptor(config, application, Path(own))
        acceptor.start()
        player.start(mono_ns() + _LEAD_NS)
        plan.write()
        announce_ready("venue")
        try:
            player.run()
        except TapeFull as error:
            print(f"venue: {error}", file=sys.stderr, flush=True)
            return EXIT_FAILED
        finally:
            acceptor.stop(True)
    return 0


def run_clients(config_file: Path, folder: Path, host: str, sessions: Sequence[str]) -> int:
    """Ask and hit until SIGTERM; 1 when the venue has begun anew, 2 for a session that is not configured."""
    config = load(config_file)
    simulated = simulated_sessions(config)
    unknown = set(sessions) - set(simulated)
    if unknown:
        return _refuse(f"--session {' '.join(sorted(unknown))}: not in {config_file}; allowed: {', '.join(simulated)}")
    stopping = threading.Event()
    _on_end(stopping.set)
    while (plan := _plan(folder)) is None:
        if stopping.wait(_LOOK_S):
            return 0
    return _Clients(plan, only(config, sessions or simulated, host), stopping).run()


def only(config: Config, sessions: Sequence[str], host: str) -> Config:
    """The configuration with these sessions alone, the service at `host`."""
    clients = [
        msgspec.structs.replace(client, sessions=kept)
        for client in config.client
        if (kept := [session for session in client.sessions if session in sessions])
    ]
    acceptor = msgspec.structs.replace(config.acceptor, host=host)
    return msgspec.structs.replace(config, client=clients, acceptor=acceptor)


class _Clients:
    def __init__(self, plan: Plan, config: Config, stopping: threading.Event) -> None:
        self._plan, self._config, self._stopping = plan, config, stopping
        self._names = simulated_sessions(config)
        self._tape_inode = plan.tape.stat().st_ino
        self._outcomes: Counter[str] = Counter()
        symbols = symbols_of(plan)
        self._wire = OmsApplication(scales(config), len(self._names))
        # Each session draws from the seed and its own name, whichever process it is in.
        asked = intentions(config, plan.market, symbols, plan.seed, 0.0)
        self._desk = Desk(asked, symbols, Tape.attach(plan.tape), self._wire, self._count)
        self._wire.on_answer = self._desk.answer
        self._code = 0

    def run(self) -> int:
        with TemporaryDirectory(prefix="quotelife-clients-") as folder:
            initiator = make_initiator(self._config, self._wire, Path(folder))
            initiator.start()
            while not self._wire.logged_on.wait(_LOOK_S):
                if self._stopping.is_set() or self._is_over():
                    break
            else:
                announce_ready(f"clients {' '.join(self._names)}")
                threading.Thread(target=self._watch, daemon=True).start()
                self._desk.run(mono_ns() + WARM_UP_NS)
            initiator.stop(True)
        return self._code

    def _count(self, deal: Deal) -> None:
        self._outcomes[deal.outcome or "quoted"] += 1

    def _watch(self) -> None:
        """Until it is time to stop."""
        said_ns = mono_ns()
        while not self._stopping.wait(_LOOK_S) and not self._is_over():
            if mono_ns() - said_ns > SAY_S * NS_PER_S:
                said_ns = mono_ns()
                said = ", ".join(f"{n} {outcome}" for outcome, n in sorted(self._outcomes.items()))
                print(f"clients {' '.join(self._names)}: {said or 'no answer yet'}", flush=True)
        self._desk.stop()

    def _is_over(self) -> bool:
        """Whether the venue has begun another market."""
        try:
            same = self._plan.tape.stat().st_ino == self._tape_inode
        except FileNotFoundError:
            same = False
        if not same:
            print("clients: the venue has begun anew", file=sys.stderr, flush=True)
            self._code = EXIT_FAILED
        return not same


def _plan(folder: Path) -> Plan | None:
    """The venue's plan, None while it is not there or not whole."""
    try:
        return Plan.read(folder / "plan.json")
    except (OSError, msgspec.DecodeError):
        return None


def _on_end(do: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: do())


def _refuse(why: str) -> int:
    print(why, file=sys.stderr)
    return EXIT_CONFIG
