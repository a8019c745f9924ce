"""Memory bench: growth of the resident set of every process under load, against the bare acceptor.

Some quotes are hit, so that the engine's store holds ExecutionReports to be sent again.
"""

import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec

from quotelife.runtime.module_command import module_command
from quotelife_bench import configuration
from quotelife_bench.figures import Chart, Figure, Topic, figure
from quotelife_bench.load import peers
from quotelife_bench.load.background import background_load
from quotelife_bench.load.market import symbols
from quotelife_bench.load.peers import BenchError
from quotelife_bench.load.soak import SoakCounts, SoakPlan
from quotelife_bench.processes import resident_kb
from quotelife_bench.progress import Progress

_MARKS = 10
_HIT_EVERY = 10
_QUANTITY = 100
_LIMIT_MB = 5.0
_SETTLE_S = 1.0  # until the recorder has caught up
_MARKET_RATE = 1_000.0
_PARTS = ("all", "own", "file", "shared")

Sizes = dict[str, dict[str, int]]  # kB, by process and part


def measure(requests: int, instruments: int, n_sessions: int, progress: Progress) -> Topic:
    """Measure the service, then the bare acceptor, with the same requests."""
    marks = [requests * n // _MARKS for n in range(1, _MARKS + 1)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-bench-")))
        data = Path(tempfile.mkdtemp(prefix="quotelife-bench-"))  # on disk: a million rows of history would take memory
        stack.callback(shutil.rmtree, data)
        venue = stack.enter_context(peers.venue(_MARKET_RATE))
        config = configuration.write(folder, venue.port, instruments, n_sessions, data)
        settings, bare_port = configuration.bare_settings(config, data)
        service = stack.enter_context(peers.service(Path(config.file)))
        stack.enter_context(background_load(config.admin.host, config.admin.port))
        soak = SoakPlan(
            port=config.acceptor.port,
            senders=configuration.sessions(n_sessions),
            target=configuration.ACCEPTOR,
            symbols=symbols(instruments),
            quantity=_QUANTITY,
            marks=marks,
            hit_every=_HIT_EVERY,
        )
        began = time.monotonic()
        ours, done = _soak(soak, service.processes(), progress)
        elapsed_s = time.monotonic() - began
        with peers.bare(settings) as bare:
            soak = msgspec.structs.replace(soak, port=bare_port, hit_every=0)
            theirs, _ = _soak(soak, {"bare": bare.pid}, progress)
    figures = [_figure(name, ours, marks) for name in ours[0]] + [_figure("bare", theirs, marks)]
    notes = [f"{requests / elapsed_s:,.0f} requests/s over {n_sessions} sessions, every {_HIT_EVERY}th quote hit"]
    for name in ours[0]:
        grown = {part: (ours[-1][name][part] - ours[0][name][part]) / 1024 for part in _PARTS}
        notes.append(f"{name}: " + ", ".join(f"{part} {mb:+.1f} MB" for part, mb in grown.items()))
    lines = {
        name: [(float(n), sizes[name]["all"] / 1024) for n, sizes in zip(marks, each, strict=True)]
        for each in (ours, theirs)
        for name in each[0]
    }
    chart = Chart(name="memory", title="Resident set", x="requests answered", y="MB", lines=lines)
    problems = [] if done.reports == done.hits else [f"{done.hits} hits, {done.reports} ExecutionReports"]
    return Topic(
        topic="memory",
        title=f"memory, from request {marks[0]:,} to request {marks[-1]:,}",
        figures=figures,
        counts=msgspec.structs.asdict(done),
        problems=problems,
        notes=notes,
        charts=[chart],
    )


def _figure(name: str, sizes: list[Sizes], marks: list[int]) -> Figure:
    grown = (sizes[-1][name]["all"] - sizes[0][name]["all"]) / 1024
    at_first = sizes[0][name]["all"] / 1024
    limit = ("at most", _LIMIT_MB, "absolute") if name != "bare" else None
    return figure(f"{name}: growth, from {at_first:,.0f} MB at {marks[0]:,}", "MB", [grown], limit=limit)  # type: ignore[arg-type]


def _soak(soak: SoakPlan, pids: dict[str, int], progress: Progress) -> tuple[list[Sizes], SoakCounts]:
    """The sizes at every mark, and the totals."""
    command = module_command("quotelife_bench.load.soak")
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            print(msgspec.json.encode(soak).decode(), file=process.stdin, flush=True)
            found, done = [], SoakCounts()
            for mark in soak.marks:
                progress.step(f"{', '.join(pids)}: to request {mark:,}")
                line = process.stdout.readline()
                if not line:
                    raise BenchError(f"the load process ended before request {mark:,}")
                done = msgspec.json.decode(line, type=SoakCounts)
                time.sleep(_SETTLE_S)
                found.append({name: resident_kb(pid) for name, pid in pids.items()})
                print(file=process.stdin, flush=True)
            return found, done
        finally:
            process.stdin.close()
            process.wait()
