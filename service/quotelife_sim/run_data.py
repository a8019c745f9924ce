"""The data folder of a simulation: empty at the start of a run, kept afterwards for `quotelife explain`.

The configured data folder is used if it is empty or if a simulation has written it: a marker file shows that, and is
locked during a run. The data of a real service are never changed.
"""

import fcntl
import shutil
from typing import IO

from quotelife.config import Config
from quotelife.config.paths import data_paths, run_paths


def lock_data_folder(config: Config) -> IO[str] | None:
    """Empty the data folder and lock it until the returned file is closed.

    None if it holds the data of a real service or another simulation has locked it."""
    data = data_paths(config)
    try:
        data.directory.mkdir(parents=True, exist_ok=True)
        recorded = data.recorded()
        if recorded and not data.simulation_marker.exists():
            return None
        lock = open(data.simulation_marker, "a")  # noqa: SIM115  closed by the caller, and the lock with it
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    for path in recorded:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return lock


def remove_run_directory(config: Config) -> None:
    """Remove the run directory, unless a service holds it: shared memory is not given back otherwise."""
    run = run_paths(config)
    try:
        with open(run.lock, "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(run.directory, ignore_errors=True)
    except OSError:
        return
