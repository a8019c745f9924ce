"""Follows the recorder's file of client statistics, which decisions use."""

import sys
import threading
from pathlib import Path

from quotelife.config import Config
from quotelife.decision.client_state import ClientState
from quotelife.ledger.client_region import Published, PublishedError


class ClientFollower:
    """Updates the clients' statistics from the file at `path`; `process` names the process in messages.

    Without a file the last statistics stay, at first those of the configuration.
    """

    def __init__(self, path: Path, config: Config, clients: dict[int, ClientState], process: str = "quoting") -> None:
        self._process = process
        self._path, self._clients = path, clients
        self._names = [client.name for client in config.client]
        self._published: Published | None = None
        self._logged = ""

    def poll(self, lock: threading.Lock) -> None:
        """Apply the rows that have changed, each under the handler's lock."""
        self._attach()
        if self._published is None:
            return
        for client, row in self._published.changes():
            state = self._clients.get(client)
            if state is not None:
                with lock:
                    state.update_statistics(row)

    def _attach(self) -> None:
        """Use the newest file: the recorder makes a new one when it starts."""
        try:
            inode = self._path.stat().st_ino
            if self._published is None or self._published.inode != inode:
                self._published = Published.attach(self._path, self._names)
        except FileNotFoundError:
            return  # the recorder has not started yet
        except (OSError, PublishedError) as error:
            if str(error) != self._logged:
                self._logged = str(error)
                print(f"{self._process}: no client statistics: {error}", file=sys.stderr, flush=True)
