"""The active parameters for views of the market: the recorder's, or the configured ones until it has written any."""

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.logs import LogEvent, event_logger
from quotelife.parameters.region import ParametersFile
from quotelife.parameters.table import Floats
from quotelife.parameters.versions import Versions, load_configured
from quotelife.shm.region import RegionError

logger = event_logger(__name__)


class ActiveTable:
    """float64[instruments, N_PARAMETERS], kept up to date."""

    def __init__(self, config: Config, run: RunPaths) -> None:
        versions = Versions(config, load_configured(config))
        self._table = versions.active().table
        self._file = ParametersFile(run.parameters, len(config.instrument), versions.origin)
        self._problem = ""  # logged last

    def poll(self) -> Floats:
        """The newest table. An unusable file is logged once, and the last good table stays."""
        try:
            active = self._file.poll()
        except RegionError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                logger.warning(LogEvent.PARAMETERS_REFUSED, "parameters not used: %s", error)
            return self._table
        if active is not None:
            self._table = active.table
        return self._table
