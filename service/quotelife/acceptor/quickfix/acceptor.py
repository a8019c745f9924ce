"""The QuickFIX acceptor: its engine objects behind the logon gateway, and how a new version changes them."""

import socket
from pathlib import Path

from quotelife.acceptor.common.connections import ConnectionMonitor
from quotelife.acceptor.common.gateway import LogonGateway
from quotelife.acceptor.common.logon_policy import LogonPolicy
from quotelife.acceptor.quickfix.engines import Engines
from quotelife.config import Config
from quotelife.config.paths import data_paths, run_paths
from quotelife.config.versions.succession import owners
from quotelife.rfq.handler import RfqHandler
from quotelife.runtime.clock import mono_ns
from quotelife.runtime.process import unix_path


class QuickfixAcceptor:
    """The engine behind its logon gateway: an `acceptor.common.acceptor.Acceptor`. ConfigError for unusable settings,
    dictionaries or secrets."""

    def __init__(self, config: Config, handler: RfqHandler) -> None:
        data_paths(config).directory.mkdir(parents=True, exist_ok=True)
        self.handler = handler
        engines = self._engines = Engines(config, handler)
        application = self.application = engines.application
        self.on_found, self.drain_cancels = application.on_found, application.drain_cancels
        self.ask_for_confirmations, self.compose = application.ask_for_confirmations, application.compose
        metrics = handler.metrics
        stuck_after_s = config.acceptor.stuck_after_s
        self._connections = ConnectionMonitor(stuck_after_s, application.expected_seq_num, metrics.count_cut_off)
        application.can_send = self._connections.can_send
        self._gateway = LogonGateway(
            config,
            LogonPolicy(config),
            self._hand_over,
            self._is_free,
            metrics.count_refused_logon,
            unix_path(run_paths(config).gateway_socket),
        )

    def connect(self, session: str, handler: RfqHandler, folder: Path) -> None:
        """The engine reads the bytes itself."""

    def start(self) -> None:
        """Listen for clients; OSError if the port is in use."""
        self._gateway.listen()
        self._engines.start()
        self.application.copies.start()
        self._gateway.start()

    def prepare(self, config: Config) -> LogonPolicy:
        """Make the sessions that another version of the configuration needs, and its policy; no client can log on to
        them yet. ConfigError or OSError if that fails."""
        policy = LogonPolicy(config)
        self._engines.prepare(config)
        return policy

    def discard(self) -> None:
        """The version that was prepared will not be in force."""
        self._engines.discard()

    def configure(self, config: Config, policy: LogonPolicy) -> None:
        """Let the sessions of the prepared version log on, by its policy, and log out all others. The handler knows
        them."""
        self._engines.adopt()
        self.application.bind_engine_sessions()
        sessions = owners(config).keys()
        self._gateway.configure(policy)
        self.application.enable_logons(True, sessions)
        self.application.enable_logons(False, self.application.engine_sessions() - sessions)

    def _hand_over(self, session: str, sock: socket.socket, address: str) -> None:
        """Give the engine a connection; OSError if it does not accept it. The monitor gets a descriptor of its own."""
        monitored = sock.dup()
        try:
            sock.setblocking(True)
            self._engines.inject(session, sock)
            self._connections.add(session, monitored, address, mono_ns())
        except OSError:
            monitored.close()
            raise

    def _is_free(self, session: str) -> bool:
        return not self._connections.is_connected(session) and self.application.session_is_free(session)

    def poll(self, now_ns: int) -> None:
        """Look after the connections."""
        self._connections.poll(now_ns)

    def stop(self) -> None:
        """Log clients out and stop listening."""
        self.application.stopping = True
        self._gateway.stop()
        self.application.copies.stop()
        self._engines.stop()
        self._connections.close()
