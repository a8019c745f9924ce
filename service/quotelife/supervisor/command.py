"""`quotelife serve`. All that it tells on the standard error is a line of the log, also what is wrong at its start."""

import contextlib
import tomllib
from pathlib import Path

from quotelife import logs
from quotelife.config import Config, ConfigError, load
from quotelife.config.extras import missing
from quotelife.config.paths import data_paths
from quotelife.config.sections import Log
from quotelife.config.value_types import LogFormat
from quotelife.logs import LogEvent, event_logger
from quotelife.runtime import kernel_compilation
from quotelife.runtime.process import EXIT_CONFIG, EXIT_FAILED, end_with_parent, ignore_hangup, with_log_format

logger = event_logger(__name__)


def run(path: Path, log_format: LogFormat | None, from_simulator: bool = False) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code. `log_format` precedes that of the configuration."""
    ignore_hangup()  # until the supervisor reloads on SIGHUP
    logs.configure("supervisor", Log(format=log_format or _format_in(path)))
    try:
        config = with_log_format(load(path), log_format)
        logs.configure("supervisor", config.log)
        return _run(config, log_format, from_simulator)
    except ConfigError as error:
        logger.error(LogEvent.CONFIGURATION_INVALID, "%s", error)
        return EXIT_CONFIG
    except ModuleNotFoundError as error:
        problem = missing((error.name or "").partition(".")[0])
        if problem is None:
            raise
        logger.error(LogEvent.PACKAGE_MISSING, "%s", problem)
        return EXIT_FAILED


def _run(config: Config, log_format: LogFormat | None, from_simulator: bool) -> int:
    if from_simulator:
        end_with_parent()
    else:  # the data belong to a real service from now on
        with contextlib.suppress(OSError):
            data_paths(config).simulation_marker.unlink()
    kernel_compilation.ensure(config.acceptor.engine)  # before a module with kernels is imported
    with logs.standard_error_as_lines():
        logs.configure("supervisor", config.log)
        from quotelife.supervisor import serve

        return serve.run(config, log_format)


def _format_in(path: Path) -> LogFormat:
    """The format of the log in a file that may be invalid elsewhere."""
    try:
        section = tomllib.loads(path.read_text()).get("log")
    except (OSError, ValueError):
        return "text"
    return "json" if isinstance(section, dict) and section.get("format") == "json" else "text"
