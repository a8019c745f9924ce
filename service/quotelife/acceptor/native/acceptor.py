"""The native acceptor, as the quoting process uses it."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

from quotelife.acceptor.common.gateway import LogonGateway
from quotelife.acceptor.common.logon_policy import LogonPolicy
from quotelife.acceptor.native.client_session import ClientSession
from quotelife.acceptor.native.connection import Connection, Services
from quotelife.acceptor.native.loop_thread import TICK_S, LoopThread
from quotelife.acceptor.native.outcomes import OutcomeSender
from quotelife.acceptor.native.sessions import ClientSessions
from quotelife.acceptor.native.store_threads import StoreThreads
from quotelife.acceptor.native.warm_up import WarmUpConnection
from quotelife.config import Config
from quotelife.config.paths import data_paths, run_paths
from quotelife.config.versions.succession import owners
from quotelife.fix.encode import HeaderTemplate, Identity
from quotelife.logs import event_logger
from quotelife.rfq.handler import RfqHandler
from quotelife.runtime.clock import wall_ns
from quotelife.runtime.process import unix_path

logger = event_logger(__name__)
_CHECK_S = 0.5  # between two checks of a connection
_STOP_S = 3.0  # for clients to answer the Logout


class NativeAcceptor:
    """Serves client sessions in a loop of its own: an `acceptor.common.acceptor.Acceptor`. ConfigError for unusable
    dictionaries or secrets, OSError for a store that cannot be used."""

    def __init__(self, config: Config, handler: RfqHandler) -> None:
        data_paths(config).directory.mkdir(parents=True, exist_ok=True)
        self.handler = handler
        self._sessions = ClientSessions(config)
        self._outcomes = OutcomeSender(handler, self._sessions.by_name)
        self._next = 0.0  # of the sessions, whose connection is checked
        loop = LoopThread(self._on_tick, config.machine.spin)
        self._services = Services(
            handler, loop, StoreThreads(), self._outcomes, config.acceptor.stuck_after_s, self._on_end
        )
        self._ended = threading.Condition()
        self._gateway = LogonGateway(
            config, LogonPolicy(config), self._hand_over, self._is_free, handler.metrics.count_refused_logon,
            unix_path(run_paths(config).gateway_socket),
        )  # fmt: skip
        self._template = HeaderTemplate(Identity(config.acceptor.sender_comp_id, "WARM-UP"))
        self.ask_for_confirmations = self._outcomes.ask_for_confirmations
        handler.client_rejects.find_sent = self._find_sent

    def start(self) -> None:
        """Listen for clients; OSError if the port is in use."""
        self._gateway.listen()
        self._services.threads.start()
        self._outcomes.copies.start()
        self._services.loop.start()
        self._gateway.start()

    def stop(self) -> None:
        """Log clients out and stop listening."""
        self._services.is_stopping = True
        self._gateway.stop()
        self._outcomes.copies.stop()
        self._services.loop.call(self._log_out_all, "")
        with self._ended:
            self._ended.wait_for(lambda: all(s.is_free for s in self._sessions.by_name.values()), _STOP_S)
        self._services.threads.stop()
        self._services.loop.stop()
        self._sessions.close()

    # --- another version of the configuration

    def prepare(self, config: Config) -> LogonPolicy:
        """Make the sessions that another version needs, and its policy."""
        policy = LogonPolicy(config)
        self._sessions.prepare(config)
        return policy

    def discard(self) -> None:
        """The version that was prepared will not be in force."""
        self._sessions.discard()

    def configure(self, config: Config, policy: LogonPolicy) -> None:
        """Let the sessions of the prepared version log on, by its policy, and log out all others."""
        self._sessions.adopt(config)
        self._gateway.configure(policy)
        wanted = owners(config)
        for name, session in self._sessions.by_name.items():
            if name not in wanted:
                self._services.loop.call(_log_out, session, "not configured")

    # --- messages that no client's message has caused

    def on_found(self, found: list[list[int]]) -> None:
        """The monitor's thread has found entries of the watchlist."""
        self._outcomes.deliver_withdrawals(lambda wall, mono: self.handler.on_found(found, wall, mono))

    def drain_cancels(self) -> None:
        """Send the withdrawals that new controls or a shutdown have caused."""
        self._outcomes.deliver_withdrawals(self.handler.drain_cancels)

    def poll(self, now_ns: int) -> None:
        """Nothing: the loop looks after the connections."""

    def compose(self, text: str) -> bytes:
        """The bytes of a message that the handler has made."""
        return self._template.message(text, 1, wall_ns())

    def connect(self, session: str, handler: RfqHandler, folder: Path) -> Callable[[bytes], object]:
        """A connection for the warm-up."""
        return WarmUpConnection(self._sessions.by_name[session], handler, folder).ask

    # --- connections

    def _hand_over(self, name: str, sock: socket.socket, address: str) -> None:
        """From the gateway's thread, which closes its own descriptor."""
        session = self._sessions.by_name[name]
        own = sock.dup()
        own.setblocking(False)
        session.is_free = False
        self._services.loop.call(Connection(own, address, session, self._services).open)

    def _is_free(self, name: str) -> bool:
        return self._sessions.by_name[name].is_free

    def _on_end(self, session: ClientSession) -> None:
        with self._ended:
            session.is_free = True
            self._ended.notify_all()

    def _on_tick(self) -> None:
        """Check the connections, a part of them with each tick, so that nobody waits for all."""
        sessions = list(self._sessions.by_name.values())
        count = len(sessions) * TICK_S / _CHECK_S
        for n in range(int(self._next), int(self._next + count)):
            connection = sessions[n % len(sessions)].connection
            if connection is not None:
                connection.on_timer()
        self._next = (self._next + count) % len(sessions)

    def _log_out_all(self, text: str) -> None:
        for session in list(self._sessions.by_name.values()):
            _log_out(session, text)

    def _find_sent(self, name: str, seq_num: int) -> str | None:
        return self._sessions.by_name[name].find_sent(seq_num)


def _log_out(session: ClientSession, text: str) -> None:
    if session.connection is not None:
        session.connection.log_out(text)
