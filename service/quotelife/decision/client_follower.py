"""Follows the recorder's file of client statistics, which decisions use."""

import threading
from functools import partial
from pathlib import Path

from quotelife.config import Config
from quotelife.decision.client_state import ClientState
from quotelife.ledger.client_region import ClientRegionReader
from quotelife.logs import LogEvent, event_logger
from quotelife.shm.region import Follower, RegionError

logger = event_logger(__name__)


class ClientFollower:
    """Updates the clients' statistics from the file at `path`.

    Without a file the last statistics stay, at first those of the configuration.
    """

    def __init__(self, path: Path, config: Config, clients: dict[int, ClientState]) -> None:
        self._clients = clients
        names = [client.name for client in config.client]
        self._follower = Follower(path, partial(ClientRegionReader.attach, names=names))
        self._logged = ""

    def poll(self, lock: threading.Lock) -> None:
        """Apply the rows that have changed, each under the handler's lock."""
        try:
            region = self._follower.poll()
        except RegionError as error:
            if str(error) != self._logged:
                self._logged = str(error)
                logger.warning(LogEvent.CLIENT_STATISTICS_UNUSABLE, "no client statistics: %s", error)
            return
        if region is None:
            return  # the recorder has not started yet
        for client, row in region.changes():
            state = self._clients.get(client)
            if state is not None:
                with lock:
                    state.update_statistics(row)
