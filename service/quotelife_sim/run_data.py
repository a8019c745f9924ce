"""Where a simulation's service keeps its data: fresh in each run, and kept after it, so that it can be explained.

The configured data folder is used if it is empty or was left by a simulation; a marker file says so, and is locked
while one runs. What a service has kept for its desk is never touched.
"""

import fcntl
import shutil
from typing import IO

from quotelife.config import Config
from quotelife.config.paths import data_paths, run_paths


def claim(config: Config) -> IO[str] | None:
    """Empty the data folder and hold it until the file is closed; None if it belongs to somebody else."""
    data = data_paths(config)
    try:
        data.directory.mkdir(parents=True, exist_ok=True)
        recorded = data.recorded()
        if recorded and not data.simulation_marker.exists():
            return None
        held = open(data.simulation_marker, "a")  # noqa: SIM115  closed by the caller, and the lock with it
    except OSError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        return None
    for path in recorded:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return held


def clear_run(config: Config) -> None:
    """Remove the run directory, unless a service holds it: shared memory is not given back otherwise."""
    run = run_paths(config)
    try:
        with open(run.lock, "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(run.directory, ignore_errors=True)
    except OSError:
        return
