"""Names of all files and sockets in the run directory and the data directory."""

from pathlib import Path

from quotelife.config.sections import Config
from quotelife.config.shipped import resolve

_METRICS = "metrics-"


class RunPaths:
    """The run directory (`paths.run`): shared memory and Unix sockets of one running service."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.lock = directory / "lock"  # held by the supervisor; contains its process id
        self.board = directory / "board"
        self.capture = directory / "capture"  # the ring of market events
        self.clients = directory / "clients"  # statistics of clients
        self.controls = directory / "controls"
        self.parameters = directory / "parameters-in-force"
        self.in_force = directory / "configuration-in-force"  # the version that processes start with
        self.proposed = directory / "configuration-proposed"  # the version that processes are asked to prepare
        self.control_socket = directory / "control.sock"  # the desk's commands, for the service's user and root
        self.signals_socket = directory / "signals"
        self.positions_socket = directory / "positions"  # of the quoting process, for the desk's changes
        self.gateway_socket = directory / "gate.socket"  # the TLS process passes connections to the quoting process
        self.engine_socket = directory / "engine.socket"  # on which the FIX engine accepts

    def configuration_report(self, process: str) -> Path:
        """What one process says about the version that is proposed or in force."""
        return self.directory / f"configuration-of-{process}"

    def metrics(self, process: str) -> Path:
        """The metrics of one process."""
        return self.directory / f"{_METRICS}{process}"

    def all_metrics(self) -> dict[str, Path]:
        """The metrics that exist now, by process."""
        return {path.name.removeprefix(_METRICS): path for path in sorted(self.directory.glob(f"{_METRICS}*"))}


class DataPaths:
    """The data directory (`paths.data`): what outlives the service."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.journal = directory / "journal"
        self.ledger = directory / "ledger.sqlite"
        self.history = directory / "history.sqlite"
        self.controls = directory / "controls.json"
        self.configurations = directory / "configurations"  # folder: versions of the configuration
        self.parameters = directory / "parameters"  # folder: versions and their fits
        self.capture = directory / "capture"  # folder of Parquet files
        self.sessions = directory / "sessions"  # folder: message store of the FIX engine
        self.engine_settings = directory / "acceptor.cfg"
        self.simulation_marker = directory / "of-simulation"  # the other files were written by a simulation

    def dictionary(self, name: str) -> Path:
        """The relaxed form of the data dictionary `name`, which the FIX engine reads."""
        return self.directory / f"dictionary-{name}"

    def recorded(self) -> list[Path]:
        """What a service recorded here, without the files that an operator wrote."""
        files = (self.journal, self.history, self.ledger)  # with SQLite's files beside them
        patterns = [f"{path.name}*" for path in files]
        patterns += [self.sessions.name, self.capture.name, self.engine_settings.name, self.dictionary("*.xml").name]
        return [path for pattern in patterns for path in self.directory.glob(pattern)]


def run_paths(config: Config) -> RunPaths:
    """The run directory of a configuration."""
    return RunPaths(resolve(config, config.paths.run))


def data_paths(config: Config) -> DataPaths:
    """The data directory of a configuration."""
    return DataPaths(resolve(config, config.paths.data))
