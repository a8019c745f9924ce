"""The recorder process: `python -m quotelife.recorder.process --config FILE`.

It follows the journal, which may not exist yet, and writes `history.sqlite` beside it, `clients` in the run directory
and what it learns about the parametrics. It is ready at once: no process waits for it, and the ring holds what happens
while it is down.
"""

import os
import signal
import sys

from quotelife.config import Config, check_capture
from quotelife.config.paths import data_paths, run_paths
from quotelife.config.traces import traced_share
from quotelife.config.versions.agreement import VersionFollower
from quotelife.config.versions.version import Version
from quotelife.decision.refusal import REFUSALS
from quotelife.ledger.history import HistoryError
from quotelife.logs import event_logger
from quotelife.recorder.history_writer import HistoryWriter
from quotelife.recorder.learning.learning import Learning
from quotelife.recorder.metrics import RecorderMetrics
from quotelife.recorder.recorder import Recorder
from quotelife.runtime.clock import mono_ns, wall_ns
from quotelife.runtime.process import STOP_SIGNALS, StartupTimer, announce_ready, run_process
from quotelife.runtime.process_tuning import defer_to_other_threads, use_single_malloc_arena

logger = event_logger(__name__)
STEP_S = 0.2
_NICE = 5  # its writes may wait, a quote may not


def run(config: Config) -> int:
    """Record until SIGTERM or SIGINT."""
    timer = StartupTimer()
    check_capture(config)
    use_single_malloc_arena()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    os.nice(_NICE)
    defer_to_other_threads()
    run_files, data = run_paths(config), data_paths(config)
    run_files.directory.mkdir(parents=True, exist_ok=True)
    metrics = RecorderMetrics(run_files.metrics("recorder"), config)
    history = HistoryWriter(data.history)
    archive = None
    if config.capture.enabled:
        from quotelife.recorder.capture_archive import CaptureArchive  # imports pyarrow

        archive = CaptureArchive(config, run_files, metrics)
    traces = None
    if (share := traced_share(os.environ)) is not None:
        from quotelife.recorder.traces import RequestTraces  # imports opentelemetry

        traces = RequestTraces(config, REFUSALS, share)
    learning = Learning(config, run_files, metrics.learning) if config.learning.enabled else None
    recorder = Recorder(config, history, data.journal, run_files, metrics, archive, learning, traces)
    recorder.resume(mono_ns(), wall_ns())
    versions = VersionFollower(run_files, "recorder", config, _RecorderUser(recorder))
    timer.mark("history")
    timer.log()
    announce_ready("recorder")
    while signal.sigtimedwait(STOP_SIGNALS, STEP_S) is None:
        versions.poll()
        recorder.step(mono_ns(), wall_ns())
    recorder.step(mono_ns(), wall_ns())
    if archive is not None:
        archive.close()
    history.close()
    if traces is not None:
        traces.close()
    if learning is not None:
        learning.stop()
    return 0


class _RecorderUser:
    """The recorder takes over the clients and their tiers."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def prepare(self, version: Version) -> Config:
        """Nothing of it can fail."""
        return version.config

    def put_in_force(self, prepared: Config) -> None:
        self._recorder.configure(prepared)

    def discard(self, prepared: Config) -> None:
        """Nothing was built."""


def main(arguments: list[str] | None = None) -> int:
    return run_process(run, arguments, "recorder", HistoryError)


if __name__ == "__main__":
    sys.exit(main())
