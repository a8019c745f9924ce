"""Keeps what decisions know of each client up to date with what the recorder has measured."""

import sys
import threading
from pathlib import Path

from quotelife.config import Config
from quotelife.decision.client_state import ClientState
from quotelife.ledger.client_region import Published, PublishedError


class ClientWatch:
    """Reads the recorder's file. While there is none, what was read last stays, at first what is configured."""

    def __init__(self, path: Path, config: Config, clients: dict[int, ClientState], process: str = "quoting") -> None:
        self._process = process  # that speaks
        self._path, self._clients = path, clients
        self._names = [client.name for client in config.client]
        self._published: Published | None = None
        self._said = ""

    def look(self, lock: threading.Lock) -> None:
        """Take over the rows that have changed, each under the desk's lock."""
        self._attach()
        if self._published is None:
            return
        for client, row in self._published.changes():
            state = self._clients.get(client)
            if state is not None:
                with lock:
                    state.learn(row)

    def _attach(self) -> None:
        """Use the newest file: the recorder makes a new one when it starts."""
        try:
            inode = self._path.stat().st_ino
            if self._published is None or self._published.inode != inode:
                self._published = Published.attach(self._path, self._names)
        except FileNotFoundError:
            return  # the recorder is not there yet
        except (OSError, PublishedError) as error:
            if str(error) != self._said:
                self._said = str(error)
                print(f"{self._process}: no statistics of clients: {error}", file=sys.stderr, flush=True)
