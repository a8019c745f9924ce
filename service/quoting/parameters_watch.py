"""Keeps the desk on the parameters in force: the last good ones at the start, then what the recorder publishes."""

import sys
from pathlib import Path

from models.parameters import Parameters
from service.config import Config
from service.parameters.published import NAME, Published, PublishedError, Taken
from service.parameters.versions import Versions
from service.quoting.desk import Desk


class ParametersWatch:
    """Looks at the file a few times a second. While there is none, what was taken last stays."""

    def __init__(self, config: Config, parameters: Parameters, run_directory: Path) -> None:
        self._versions = Versions(config, parameters)
        self._published = Published(run_directory / NAME, len(config.instrument), self._versions.origin)
        self._enabled = config.learning.enabled
        self._hash = parameters.hash

    def start(self, desk: Desk) -> None:
        """Take the last good parameters from the disk, if what is configured is no longer in force."""
        last = self._versions.in_force()
        if last.hash != self._hash:
            self._use(desk, Taken(last.table, last.hash, last.version.generation))
        self.look(desk)

    def look(self, desk: Desk) -> None:
        """Take over what is new. Everything that takes time is done before the desk's lock is asked for."""
        if not self._enabled:
            return
        try:
            taken = self._published.look()
        except PublishedError as error:
            print(f"quoting: parameters not taken: {error}", file=sys.stderr, flush=True)
            return
        if taken is not None and taken.hash != self._hash:
            self._use(desk, taken)

    def _use(self, desk: Desk, taken: Taken) -> None:
        desk.use(taken)
        self._hash = taken.hash
        print(
            f"quoting: decides with parameters {taken.hash}, generation {taken.generation}", file=sys.stderr, flush=True
        )
