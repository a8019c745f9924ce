"""A service without processes, its recorder, and what the desk page reads of them."""

from pathlib import Path

import msgspec

from quotelife.config.paths import RunPaths, data_paths
from quotelife.config.sections import Paths
from quotelife.recorder.capture_archive import CaptureArchive
from quotelife.recorder.history_writer import HistoryWriter
from quotelife.recorder.metrics import RecorderMetrics
from quotelife.recorder.recorder import Recorder
from quotelife.runtime.clock import NS_PER_S, wall_ns
from tests.unit.rfq.rfq_rig import Rig


class DeskRig(Rig):
    """A rig whose files are where a service has them; `record` stores what has happened."""

    def __init__(self, folder: Path, with_capture: bool = False) -> None:
        super().__init__(folder)
        (folder / "metrics").rename(folder / "metrics-quoting")
        paths = Paths(run=str(folder), data=str(folder), parameters=str(folder / "parameters"))
        self.config = msgspec.structs.replace(self.config, paths=paths)
        self.run = RunPaths(folder)
        self.wall_ns = wall_ns()  # open quotes are shown relative to the real clock
        self.history = HistoryWriter(data_paths(self.config).history)
        metrics = RecorderMetrics(self.run.metrics("recorder"), self.config)
        self.archive = CaptureArchive(self.config, self.run, metrics) if with_capture else None
        self.recorder = Recorder(self.config, self.history, self.journal, self.run, metrics, self.archive)
        self.handler.on_logon("ORD")

    def record(self) -> None:
        self.recorder.step(self.mono_ns, self.wall_ns)

    def forget(self) -> None:
        """Delete what is in the history; open quotes stay."""
        self.history.delete_old(self.wall_ns + NS_PER_S, 0)
        self.history.commit()

    def fill(self, request_id: str, after_ms: float = 7.0) -> str:
        """The QuoteID of a quote that is hit."""
        quote = self.ask(request_id)["117"]
        self.sleep(after_ms)
        self.send("AJ", f"693=h-{request_id}|117={quote}|694=1")
        return quote
