"""Keeps the desk on the parameters in force: the last good ones at the start, then what the recorder publishes."""

import sys
from pathlib import Path
from typing import Protocol

from quotelife.config import Config
from quotelife.parameters.region import NAME, Published, PublishedError, Taken
from quotelife.parameters.versions import Versions
from quotelife_models.parameters import Parameters


class Decides(Protocol):
    """Who decides, and can be given other parameters to do it with."""

    def use(self, taken: Taken) -> None: ...


class ParametersWatch:
    """Looks at the file a few times a second. While there is none, what was taken last stays."""

    def __init__(self, config: Config, parameters: Parameters, run_directory: Path, process: str = "quoting") -> None:
        self._process = process  # that speaks
        self._versions = Versions(config, parameters)
        self._published = Published(run_directory / NAME, len(config.instrument), self._versions.origin)
        self._enabled = config.learning.enabled
        self._hash = parameters.hash

    def start(self, desk: Decides) -> None:
        """Take the last good parameters from the disk, if what is configured is no longer in force."""
        last = self._versions.in_force()
        if last.hash != self._hash:
            self._use(desk, Taken(last.table, last.hash, last.version.generation))
        self.look(desk)

    def look(self, desk: Decides) -> None:
        """Take over what is new. Everything that takes time is done before the desk's lock is asked for."""
        if not self._enabled:
            return
        try:
            taken = self._published.look()
        except PublishedError as error:
            print(f"{self._process}: parameters not taken: {error}", file=sys.stderr, flush=True)
            return
        if taken is not None and taken.hash != self._hash:
            self._use(desk, taken)

    def _use(self, desk: Decides, taken: Taken) -> None:
        desk.use(taken)
        self._hash = taken.hash
        print(
            f"{self._process}: decides with parameters {taken.hash}, generation {taken.generation}",
            file=sys.stderr,
            flush=True,
        )
