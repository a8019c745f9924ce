"""Request-to-Quote bench: the service with all processes, against a bare acceptor with a constant answer.

Both run at the same time with the same engine, settings, store in memory and background load. They are measured
alternately (A B B A), so that other load of the machine affects both. An echo server is the lower bound.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from quotelife.config import Config, resolve
from quotelife_bench import configuration
from quotelife_bench.figures import Chart, Figure, Topic, figure
from quotelife_bench.load import peers
from quotelife_bench.load.background import BackgroundLoad, background_load
from quotelife_bench.load.generator import Load, LoadResult
from quotelife_bench.load.market import symbols
from quotelife_bench.load.peers import BenchError
from quotelife_bench.processes import affinity
from quotelife_bench.progress import Progress
from quotelife_bench.spread import PERCENTILES, percentile_name, percentiles, spread
from quotelife_bench.topics.budget import LatencyBudget

QUOTELIFE, BARE, ECHO = "quotelife", "bare", "echo"
NAMES = {QUOTELIFE: "quotelife", BARE: "bare engine", ECHO: "echo"}
_LIMITS = {50.0: 1.0, 99.0: 1.2, 99.9: 1.2}
_QUANTITY = 100
T = TypeVar("T")


class LoadShape(NamedTuple):
    """The load: requests a second, seconds of a repeat, market-data messages a second, instruments, sessions."""

    rate: float
    seconds: float
    warm_up_s: float
    market_rate: float
    instruments: int
    sessions: int = 1


class RunningSides:
    """The running service, bare acceptor and echo server; `load` measures one of them."""

    def __init__(
        self, config: Config, ports: dict[str, int], service: peers.PeerProcess, bare: peers.PeerProcess
    ) -> None:
        self.config, self.ports, self.service, self.bare = config, ports, service, bare
        self._turn = 0

    def load(self, side: str, shape: LoadShape, cpu_pid: int = 0) -> LoadResult:
        """One repeat on a side, with the processor time of `cpu_pid`. BenchError if no request was quoted."""
        self._turn += 1
        measured = peers.generate(
            Load(
                port=self.ports[side],
                senders=configuration.sessions(shape.sessions),
                target=configuration.ACCEPTOR,
                symbols=symbols(shape.instruments),
                quantity=_QUANTITY,
                rate=shape.rate,
                seconds=shape.seconds,
                warm_up_s=shape.warm_up_s,
                prefix=f"{self._turn}-",
                answer="R" if side == ECHO else "S",
                cpu_pid=cpu_pid,
            )
        )
        if not measured.quotes:
            text = f"{measured.rejects} rejects, {measured.unanswered} unanswered"
            raise BenchError(f"{NAMES[side]} sent no quote: {text}")
        return measured


@contextmanager
def sides(market_rate: float, instruments: int, sessions: int) -> Iterator[RunningSides]:
    """All sides, running with fresh data in memory."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-bench-")))
        venue = stack.enter_context(peers.venue(market_rate))
        config = configuration.write(folder, venue.port, instruments, sessions)
        settings, bare_port = configuration.bare_settings(config, folder)
        service = stack.enter_context(peers.service(Path(config.file)))
        bare = stack.enter_context(peers.bare(settings))
        echo_port = stack.enter_context(peers.echo(folder))
        ports = {QUOTELIFE: config.acceptor.port, BARE: bare_port, ECHO: echo_port}
        yield RunningSides(config, ports, service, bare)


def alternating(which: Sequence[T], repeats: int) -> Iterator[tuple[int, T]]:
    """(repeat, item) for every repeat, in an order that is reversed with each repeat."""
    for repeat in range(repeats):
        for one in which if repeat % 2 == 0 else reversed(which):
            yield repeat, one


def measure(shape: LoadShape, repeats: int, progress: Progress, with_budget: bool = False) -> Topic:
    """Measure every side `repeats` times."""
    measured: dict[str, list[LoadResult]] = {side: [] for side in NAMES}
    with sides(shape.market_rate, shape.instruments, shape.sessions) as running:
        admin = running.config.admin
        budget = LatencyBudget(resolve(running.config, running.config.paths.run))
        with background_load(admin.host, admin.port) as load:
            for repeat, side in alternating(tuple(NAMES), repeats):
                progress.step(f"{NAMES[side]}, {repeat + 1} of {repeats}")
                before = budget.read()
                measured[side].append(running.load(side, shape))
                if side == QUOTELIFE:
                    budget.add(before, budget.read(), measured[side][-1].latencies_ns)
        pinned = {name: affinity(pid) for name, pid in running.service.processes().items()}
    return _topic(shape, repeats, measured, load, pinned, budget if with_budget else None)


def _topic(
    shape: LoadShape, repeats: int, measured: dict[str, list[LoadResult]], load: BackgroundLoad,
    pinned: dict[str, list[int]],
    budget: LatencyBudget | None,
) -> Topic:  # fmt: skip
    rows = {side: [percentiles(m.latencies_ns) for m in each] for side, each in measured.items()}
    figures = [_figure(rows, column, percentile) for column, percentile in enumerate(PERCENTILES)]
    every = [m for each in measured.values() for m in each]
    unanswered = sum(m.unanswered for m in every)
    problems = [f"{unanswered} unanswered requests"] if unanswered else []
    if load.failed:
        problems.append(f"{load.failed} scrapes of /metrics failed")
    page = f"{load.stream_bytes} bytes of the desk page" if load.stream_bytes >= 0 else "no desk page"
    latest = {side: max(m.latest_send_ns for m in each) / 1e6 for side, each in measured.items()}
    notes = [
        f"{repeats} x {shape.seconds:g} s per side; meanwhile {load.scrapes} scrapes of /metrics and {page}",
        "maximum send delay of the generator: " + ", ".join(f"{ms:.1f} ms ({side})" for side, ms in latest.items()),
        "cores of each process: " + ", ".join(f"{name} {cores}" for name, cores in pinned.items()),
    ]
    lines = {
        NAMES[side]: [(float(c), spread(r[c] for r in table).median / 1e3) for c in range(len(PERCENTILES))]
        for side, table in rows.items()
    }
    chart = Chart(
        name="rfq",
        title=f"Request to Quote, {shape.rate:g} requests/s with {shape.market_rate:,.0f} market-data messages/s",
        x="percentile",
        y="us from the intended send time",
        log_y=True,
        labels=[percentile_name(p) for p in PERCENTILES],
        lines=lines,
    )
    return Topic(
        topic="rfq",
        title=f"request to Quote, {shape.rate:g} requests/s with {shape.market_rate:,.0f} market-data messages/s",
        figures=figures + (budget.figures() if budget else []),
        counts={
            "sent": sum(m.sent for m in every),
            "quotes": sum(m.quotes for m in measured[QUOTELIFE]),
            "refusals": sum(m.rejects for m in measured[QUOTELIFE]),
            "unanswered": unanswered,
        },
        problems=problems,
        notes=notes,
        charts=[chart],
    )


def _figure(rows: dict[str, list[list[int]]], column: int, percentile: float) -> Figure:
    ours, bare, echo = ([r[column] / 1e3 for r in rows[side]] for side in (QUOTELIFE, BARE, ECHO))
    limit = _LIMITS.get(percentile)
    return figure(
        percentile_name(percentile),
        "us",
        ours,
        {NAMES[BARE]: bare, NAMES[ECHO]: echo},
        ("at most", limit, "times") if limit else None,
    )
