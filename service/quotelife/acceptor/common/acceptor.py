"""What the quoting process needs of an acceptor, whatever its engine."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from quotelife.acceptor.common.logon_policy import LogonPolicy
from quotelife.config import Config
from quotelife.rfq.handler import RfqHandler


class Acceptor(Protocol):
    """Serves the sessions of clients: hands their messages to `handler` and sends what it answers.

    No method may be called with the handler's lock held."""

    handler: RfqHandler

    def start(self) -> None:
        """Listen for clients; OSError if the port is in use."""

    def stop(self) -> None:
        """Log clients out and stop listening."""

    # --- another version of the configuration

    def prepare(self, config: Config) -> LogonPolicy:
        """Make the sessions that another version needs, and its policy; no client can log on to them yet. ConfigError
        or OSError if that fails: then there are none."""

    def discard(self) -> None:
        """The version that was prepared will not be in force."""

    def configure(self, config: Config, policy: LogonPolicy) -> None:
        """Let the sessions of the prepared version log on, by its policy, and log out all others. The handler knows
        them."""

    # --- messages that no client's message has caused

    def on_found(self, found: list[list[int]]) -> None:
        """The monitor's thread has found entries of the watchlist: send what follows."""

    def drain_cancels(self) -> None:
        """Send the withdrawals that new controls or a shutdown have caused; called ten times a second."""

    def ask_for_confirmations(self) -> None:
        """Ask clients for what they have received, see `quotelife.rfq.delivery`; called ten times a second."""

    def poll(self, now_ns: int) -> None:
        """Look after the connections; called ten times a second."""

    def compose(self, text: str) -> object:
        """The engine's form of a message that the handler has made: for the warm-up."""

    def connect(self, session: str, handler: RfqHandler, folder: Path) -> Callable[[bytes], object] | None:
        """For the warm-up: what a client's plain request goes through from the socket on, as a function of its bytes,
        with another handler, and files in `folder`. None where the engine itself reads them."""
