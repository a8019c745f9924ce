"""Startup bench: time until the service is ready to quote, with cached kernels by stage, and on the first start.

Python's bytecode is cached in either case, as after an installation, whatever the environment says.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import orjson

from quotelife.logs.events import LogEvent
from quotelife.runtime.module_command import module_command
from quotelife.runtime.process import READY
from quotelife_bench import configuration
from quotelife_bench.figures import Chart, Figure, Topic, figure
from quotelife_bench.load import peers
from quotelife_bench.load.peers import BenchError
from quotelife_bench.progress import Progress

_LIMIT_S = 3.0
_STOP_S = 30.0
_KERNELS = "QUOTELIFE_KERNELS"
_NO_BYTECODE, _BYTECODE = "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"


class StartTimes(NamedTuple):
    """Seconds from the command to READY, and the stages that each process reports."""

    ready_s: float
    stages: dict[str, dict[str, float]]
    lines: list[str]


def measure(repeats: int, cold: bool, progress: Progress) -> Topic:
    """Measure starts of the service and the bare acceptor alternately, then one start without cached kernels."""
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-bench-") as name,
        _bytecode(Path(name) / "bytecode"),
        peers.venue(0) as venue,
    ):
        folder = Path(name)
        config = configuration.write(folder, venue.port, 10)
        settings, _ = configuration.bare_settings(config, folder)
        progress.step("warm up")
        _start(Path(config.file), folder)
        _bare(settings)
        starts, bare = [], []
        for repeat in range(repeats):
            progress.step(f"{repeat + 1} of {repeats}")
            starts.append(_start(Path(config.file), folder))
            bare.append(_bare(settings))
        figures = [
            figure("ready to quote, cached kernels", "s", [s.ready_s for s in starts], {"bare engine": bare},
                   ("at most", _LIMIT_S, "absolute")),
            *_stages(starts),
        ]  # fmt: skip
        counts, problems = {}, []
        if cold:
            progress.step("first start, with compilation")
            kernels = folder / "kernels"
            first = _start(Path(config.file), folder, kernels)
            compiled = _cached(kernels)
            again = _start(Path(config.file), folder, kernels)
            figures.append(figure("ready to quote, first start", "s", [first.ready_s]))
            figures.append(figure("ready to quote, second start", "s", [again.ready_s]))
            progress_lines = sum("kernels" in line for line in first.lines)
            counts = {
                "kernels": compiled,
                "compiled again": _cached(kernels) - compiled,
                "lines of progress": progress_lines,
            }
            problems = ["kernels were compiled again"] if counts["compiled again"] else []
    return Topic(topic="startup", title="start", figures=figures, counts=counts, problems=problems,
                 charts=[_chart(starts, figures[0])])  # fmt: skip


@contextmanager
def _bytecode(folder: Path) -> Iterator[None]:
    """Processes started in this context cache their bytecode in `folder`."""
    before = {name: os.environ.pop(name) for name in (_NO_BYTECODE, _BYTECODE) if name in os.environ}
    os.environ[_BYTECODE] = str(folder)
    try:
        yield
    finally:
        del os.environ[_BYTECODE]
        os.environ |= before


def _start(config: Path, folder: Path, kernels: Path | None = None) -> StartTimes:
    """Start the service, wait until it is ready, and stop it."""
    environment = dict(os.environ)
    if kernels is not None:
        environment |= {_KERNELS: str(kernels)}
        environment.pop("NUMBA_CACHE_DIR", None)
    command = module_command("quotelife.cli", "serve", "--config", str(config), "--log-format", "json")
    began = time.monotonic()
    with subprocess.Popen(
        command,
        stdout=-1,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        lines = []
        try:
            for line in process.stdout:
                lines.append(line.rstrip())
                if line.startswith(READY):
                    break
            else:
                raise BenchError("the service did not start:\n" + "\n".join(lines[-10:]))
            ready_s = time.monotonic() - began
            process.send_signal(signal.SIGTERM)
            for line in process.stdout:
                lines.append(line.rstrip())
            process.wait(_STOP_S)
        finally:
            if process.poll() is None:
                process.kill()
    found: dict[str, dict[str, float]] = {}
    for record in (orjson.loads(line) for line in lines if line.startswith("{")):
        fields = record["fields"]
        if record["event"] == str(LogEvent.READY):
            whole = fields.pop("ready_s")
            stages = {name.removesuffix("_s").replace("_", " "): seconds for name, seconds in fields.items()}
            found[record["process"]] = stages | {"in all": whole}
        elif record["event"] == str(LogEvent.MODULE_IMPORTED):
            name = fields["module"].removeprefix("quotelife.").removesuffix(".process")
            found.setdefault("fork-server", {})[f"imports for {name}"] = fields["elapsed_s"]
    return StartTimes(ready_s, found, lines)


def _bare(settings: Path) -> float:
    began = time.monotonic()
    with peers.bare(settings):
        return time.monotonic() - began


def _stages(starts: list[StartTimes]) -> list[Figure]:
    by_name: dict[str, list[float]] = defaultdict(list)
    for started in starts:
        for process, stages in started.stages.items():
            for stage, seconds in stages.items():
                by_name[f"{process}: {stage}"].append(seconds)
    return [figure(name, "s", each) for name, each in by_name.items()]


def _chart(starts: list[StartTimes], whole: Figure) -> Chart:
    lines: dict[str, list[tuple[float, float]]] = {"in all": [(0.0, 0.0), (1.0, whole.ours.median)]}
    for process, stages in starts[-1].stages.items():
        points, at = [(0.0, 0.0)], 0.0
        steps = [seconds for stage, seconds in stages.items() if stage != "in all"]
        for n, seconds in enumerate(steps, 1):
            at += seconds
            points.append((n / len(steps), at))
        lines[process] = points
    return Chart(
        name="startup", title="Start with cached kernels", x="fraction of the stages completed", y="s", lines=lines
    )


def _cached(folder: Path) -> int:
    return len(list(folder.rglob("*.nbc")))
