"""Follows the active parameters: the last good ones at start, then those of the recorder."""

from typing import Protocol

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.logs import LogEvent, event_logger
from quotelife.parameters.region import ActiveParameters, ParametersFile
from quotelife.parameters.versions import Versions
from quotelife.shm.region import RegionError
from quotelife_models.parameters import Parameters

logger = event_logger(__name__)


class ParametersUser(Protocol):
    """Decides with parameters that can be replaced."""

    def apply_parameters(self, active: ActiveParameters) -> None: ...


class ParametersFollower:
    """Applies newly activated parameters to a user.

    Without the recorder's file the last ones remain active.
    """

    def __init__(self, config: Config, parameters: Parameters, run: RunPaths) -> None:
        self._versions = Versions(config, parameters)
        self._file = ParametersFile(run.parameters, len(config.instrument), self._versions.origin)
        self._enabled = config.learning.enabled
        self._hash = parameters.hash
        self._logged = ""

    def start(self, user: ParametersUser) -> None:
        """Apply the last good parameters on disk if they have replaced the configured ones, then poll."""
        last = self._versions.active()
        if last.hash != self._hash:
            self._apply(user, ActiveParameters(last.table, last.hash, last.version.generation))
        self.poll(user)

    def poll(self, user: ParametersUser) -> None:
        """Apply newly activated parameters. They are read and checked before the user locks."""
        if not self._enabled:
            return
        try:
            active = self._file.poll()
        except RegionError as error:
            if str(error) != self._logged:
                self._logged = str(error)
                logger.warning(LogEvent.PARAMETERS_REFUSED, "parameters rejected: %s", error)
            return
        if active is not None and active.hash != self._hash:
            self._apply(user, active)

    def _apply(self, user: ParametersUser, active: ActiveParameters) -> None:
        user.apply_parameters(active)
        self._hash = active.hash
        digest, generation = active.hash, active.generation
        text = "applied parameters %s, generation %d"
        logger.info(LogEvent.PARAMETERS_APPLIED, text, digest, generation, parameters=digest, generation=generation)
