"""The quoting process takes over another version of the configuration while sessions are logged on."""

import signal

from msgspec import Struct

from quotelife.acceptor.common.acceptor import Acceptor
from quotelife.acceptor.common.logon_policy import LogonPolicy
from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.config.versions.succession import numbered_sessions
from quotelife.config.versions.version import Version
from quotelife.controls.region import find_controls
from quotelife.decision.client_follower import ClientFollower
from quotelife.decision.client_state import configure_clients
from quotelife.decision.settings import DecisionSettings
from quotelife.ledger.store import Ledger
from quotelife.logs import event_logger
from quotelife.rfq.recovery import restore_client_positions
from quotelife.rfq.withdrawal import QuoteMonitor
from quotelife.runtime.clock import mono_ns, wall_ns
from quotelife.runtime.process import STOP_SIGNALS

logger = event_logger(__name__)


class Prepared(Struct, frozen=True):
    """All that can fail, done."""

    version: Version
    settings: DecisionSettings
    policy: LogonPolicy


class QuotingProcess:
    """The parts of the quoting process that follow the version in force. `config` is that of now; `clients` follows the
    statistics of its clients."""

    def __init__(
        self, config: Config, run: RunPaths, acceptor: Acceptor, monitor: QuoteMonitor, ledger: Ledger | None
    ) -> None:
        self.config, self._run, self._ledger = config, run, ledger
        self._acceptor, self._monitor = acceptor, monitor
        sessions = acceptor.handler.sessions.values()
        self._states = {s.client.client.name: s.client for s in sessions if s.client is not None}
        self.clients = self._follow_clients()

    def prepare(self, version: Version) -> Prepared:
        """Build settings, the policy of Logons and the engine's new sessions. ConfigError or OSError if that fails."""
        settings = DecisionSettings.of(version.config)
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # inherited by the engine's threads
        try:
            return Prepared(version, settings, self._acceptor.prepare(version.config))
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def put_in_force(self, prepared: Prepared) -> None:
        """Between two messages: the next one is answered by the new version."""
        version, config = prepared.version, prepared.version.config
        handler, controls = self._acceptor.handler, find_controls(config, self._run)
        new = [client.name for client in config.client[len(self.config.client) :]]
        positions = self._ledger.client_positions() if new and self._ledger is not None else {}  # nobody moves theirs
        wall, mono = wall_ns(), mono_ns()
        with handler.lock:
            handler.metrics.extend(numbered_sessions(config))
            self._states = configure_clients(config, self._states)
            clients = {s: self._states[client.name] for client in config.client for s in client.sessions}
            handler.configure(prepared.settings, clients, wall, mono)
            handler.quoter.controls = controls
            restore_client_positions(handler.quoter.exposure, config, positions, new)
            handler.journal.set_configuration(version.hash)
            handler.journal.configuration(version.number, wall, mono)
            handler.positions.configure(config)  # from here on the desk can move the new clients' positions
        self._acceptor.drain_cancels()
        self._acceptor.configure(config, prepared.policy)
        self._monitor.configure(config.withdrawal)
        self.config = config
        self.clients = self._follow_clients()

    def discard(self, prepared: Prepared) -> None:
        """The engine's new sessions end; nobody could log on to them."""
        self._acceptor.discard()

    def _follow_clients(self) -> ClientFollower:
        states = {state.index: state for state in self._states.values()}
        return ClientFollower(self._run.clients, self.config, states)
