"""Follows the active parameters: the last good ones at start, then those that the recorder publishes."""

import sys
from pathlib import Path
from typing import Protocol

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.parameters.region import Published, PublishedError, Taken
from quotelife.parameters.versions import Versions
from quotelife_models.parameters import Parameters


class ParametersUser(Protocol):
    """Whoever decides with parameters that can be replaced."""

    def use(self, taken: Taken) -> None: ...


class ParametersFollower:
    """Gives published parameters to a user; `process` names the process in messages.

    Without a published file the last parameters stay.
    """

    def __init__(self, config: Config, parameters: Parameters, run_directory: Path, process: str = "quoting") -> None:
        self._process = process
        self._versions = Versions(config, parameters)
        self._published = Published(RunPaths(run_directory).parameters, len(config.instrument), self._versions.origin)
        self._enabled = config.learning.enabled
        self._hash = parameters.hash

    def start(self, user: ParametersUser) -> None:
        """Use the last good parameters on disk, if they have replaced the configured ones; then poll."""
        last = self._versions.in_force()
        if last.hash != self._hash:
            self._use(user, Taken(last.table, last.hash, last.version.generation))
        self.poll(user)

    def poll(self, user: ParametersUser) -> None:
        """Use newly published parameters. Reading and checking happen before the user takes its lock."""
        if not self._enabled:
            return
        try:
            taken = self._published.look()
        except PublishedError as error:
            print(f"{self._process}: published parameters rejected: {error}", file=sys.stderr, flush=True)
            return
        if taken is not None and taken.hash != self._hash:
            self._use(user, taken)

    def _use(self, user: ParametersUser, taken: Taken) -> None:
        user.use(taken)
        self._hash = taken.hash
        print(
            f"{self._process}: decides with parameters {taken.hash}, generation {taken.generation}",
            file=sys.stderr,
            flush=True,
        )
