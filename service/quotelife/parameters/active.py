"""The table in force, for those who only look: what the recorder publishes, until then what is configured."""

import sys
from pathlib import Path

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.parameters.region import Published, PublishedError
from quotelife.parameters.table import Floats
from quotelife.parameters.versions import Versions, load_configured


class TableInForce:
    """float64[instruments, N_PARAMETERS], followed as it changes."""

    def __init__(self, config: Config, run_directory: Path) -> None:
        versions = Versions(config, load_configured(config))
        self._table = versions.in_force().table
        self._published = Published(RunPaths(run_directory).parameters, len(config.instrument), versions.origin)

    def look(self) -> Floats:
        """The newest; one that cannot be used is said once, and the last good one stays."""
        try:
            taken = self._published.look()
        except PublishedError as error:
            print(f"parameters not taken: {error}", file=sys.stderr, flush=True)
            return self._table
        if taken is not None:
            self._table = taken.table
        return self._table
