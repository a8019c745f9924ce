"""The recorder process: `python -m service.journal.process --config FILE`.

It follows the journal, which may not be there yet, and writes `history.sqlite` beside it and `clients` in the run
directory. It is ready at once: nobody waits for it, and what happens while it is away it finds in the ring.
"""

import argparse
import os
import signal
import sys

from service.clock import mono_ns, wall_ns
from service.config import Config, resolve
from service.journal.meters import Meters
from service.journal.recorder import Recorder
from service.ledger.history import History, HistoryError, history_path
from service.process import EXIT_FAILED, end_with_parent, read_configuration, say_ready

TURN_S = 0.2
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_NICE = 5  # what it writes may wait for a moment, a quote may not


def run(config: Config) -> int:
    """Record until SIGTERM or SIGINT."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    os.nice(_NICE)
    run_directory = resolve(config, config.paths.run)
    run_directory.mkdir(parents=True, exist_ok=True)
    meters = Meters(run_directory / "metrics-recorder", config)
    history = History(history_path(config))
    recorder = Recorder(config, history, resolve(config, config.paths.data) / "journal", run_directory, meters)
    recorder.resume(mono_ns(), wall_ns())
    say_ready("recorder")
    while signal.sigtimedwait(_SIGNALS, TURN_S) is None:
        recorder.turn(mono_ns(), wall_ns())
    recorder.turn(mono_ns(), wall_ns())
    history.close()
    return 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m service.journal.process", description="The recorder process")
    parser.add_argument("--config", required=True, help="the configuration file (TOML)")
    options = parser.parse_args(arguments)
    end_with_parent()
    config = read_configuration(options.config)
    try:
        return run(config)
    except HistoryError as error:
        print(f"recorder: {error}", file=sys.stderr, flush=True)
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
