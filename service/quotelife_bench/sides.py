"""The sides of a bench: the service with each of its engines, and the baselines, running at the same time.

They are measured alternately (A B C, C B A, ...), so that other load of the machine affects all of them. Only the
service that is being measured has the market data, the first one while a baseline is.
"""

import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from quotelife.config import Config, resolve
from quotelife.config.paths import RunPaths
from quotelife.metrics.region import MetricsRegion
from quotelife_bench import configuration
from quotelife_bench.baselines.cpp.build import NotBuiltError, find
from quotelife_bench.load import peers
from quotelife_bench.load.generator import Load, LoadResult
from quotelife_bench.load.market import symbols
from quotelife_bench.load.peers import BenchError, PeerProcess, VenueProcess

NATIVE, QUICKFIX = "native", "quickfix"  # values of `acceptor.engine`
CPP, CPP_MEMORY, PYTHON, PYTHON_MEMORY, ECHO = "C++", "C++ in memory", "python", "python in memory", "echo"
NAMES = {
    NATIVE: "quotelife native",
    QUICKFIX: "quotelife quickfix",
    CPP: "bare C++ engine",
    CPP_MEMORY: "bare C++ engine in memory",
    PYTHON: "bare Python engine",
    PYTHON_MEMORY: "bare Python engine in memory",
    ECHO: "echo",
}
ENGINES = (NATIVE, QUICKFIX)  # of the service
_QUANTITY = 100
_IDLE_RATE = 20.0  # market-data messages a second to a service that is not being measured: its books stay in use
_FIRST_QUOTE_TRIES = 20
T = TypeVar("T")


class LoadShape(NamedTuple):
    """The load: requests a second, seconds of a repeat, market-data messages a second, instruments, sessions, and the
    pause after an answer in a closed loop (0: open loop)."""

    rate: float
    seconds: float
    warm_up_s: float
    market_rate: float
    instruments: int
    sessions: int = 1
    pause_us: float = 0.0


class RunningService(NamedTuple):
    """A service with its venue."""

    config: Config
    process: PeerProcess
    venue: VenueProcess


class RunningSides:
    """What `sides` has started. `skipped` are the sides that cannot run on this machine, with the reason."""

    def __init__(self, generator: peers.GeneratorProcess) -> None:
        self.services: dict[str, RunningService] = {}
        self.skipped: dict[str, str] = {}
        self._generator = generator
        self._baselines: dict[str, tuple[PeerProcess, int]] = {}  # with the port
        self.fed: tuple[str, float] | None = None  # who has the market data, in messages a second
        self._turn = 0

    @property
    def running(self) -> list[str]:
        return [*self.services, *self._baselines]

    def notes(self) -> list[str]:
        """The sides that are left out."""
        return [f"{NAMES[side]}: left out, {reason}" for side, reason in self.skipped.items()]

    def pid(self, side: str) -> int:
        """The process that answers requests."""
        if side in self.services:
            return self.services[side].process.processes()["quoting"]
        return self._baselines[side][0].pid

    def load(self, side: str, shape: LoadShape) -> LoadResult:
        """One repeat on a side. BenchError if no request was quoted."""
        self._feed(side if side in self.services else next(iter(self.services), ""), shape.market_rate)
        before_ns = self._monitor_ns(side)
        measured = self._measure(side, shape)
        whole = shape.seconds + shape.warm_up_s
        measured.monitor_ns = int((self._monitor_ns(side) - before_ns) * shape.seconds / whole)
        if not measured.quotes:
            text = f"{measured.rejects} rejects, {measured.unanswered} unanswered"
            raise BenchError(f"{NAMES[side]} sent no quote: {text}")
        return measured

    def add(self, side: str, process: PeerProcess, port: int) -> None:
        """Add a baseline."""
        self._baselines[side] = process, port

    def await_quotes(self, shape: LoadShape) -> None:
        """Wait until every service quotes. BenchError if one does not."""
        for side in self.services:
            tries = (self._measure(side, shape._replace(rate=20.0, seconds=0.1)) for _ in range(_FIRST_QUOTE_TRIES))
            if not any(measured.quotes for measured in tries):
                raise BenchError(f"{NAMES[side]} does not quote")

    def _measure(self, side: str, shape: LoadShape) -> LoadResult:
        self._turn += 1
        service = self.services.get(side)
        return self._generator.run(
            Load(
                port=service.config.acceptor.port if service is not None else self._baselines[side][1],
                senders=configuration.sessions(shape.sessions),
                target=configuration.ACCEPTOR,
                symbols=symbols(shape.instruments),
                quantity=_QUANTITY,
                rate=shape.rate,
                seconds=shape.seconds,
                warm_up_s=shape.warm_up_s,
                prefix=f"{self._turn}-",
                answer="R" if side == ECHO else "S",
                cpu_pid=self.pid(side),
                pause_us=shape.pause_us,
            )
        )

    def _monitor_ns(self, side: str) -> int:
        """Processor time so far of the thread that watches open quotes; 0 for a baseline."""
        if side not in self.services:
            return 0
        config = self.services[side].config
        region = MetricsRegion.attach(RunPaths(resolve(config, config.paths.run)).metrics("quoting"))
        return int(region.values[region.counter("quotelife_withdrawal_processor_seconds_total")])

    def _feed(self, side: str, rate: float) -> None:
        """Send the market data to this service."""
        if self.services and self.fed != (side, rate):
            for name, service in self.services.items():
                service.venue.set_rate(rate if name == side else _IDLE_RATE)
            self.fed = side, rate


@contextmanager
def sides(
    wanted: Collection[str], market_rate: float, instruments: int, sessions: int, machine: str = ""
) -> Iterator[RunningSides]:
    """The wanted sides, running with fresh data in memory; `machine` are the lines of the services' [machine]."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-bench-")))
        running = RunningSides(stack.enter_context(peers.generator()))
        for side in (side for side in ENGINES if side in wanted):
            venue = stack.enter_context(peers.venue(market_rate))
            config = configuration.write(_subfolder(folder, side), venue.port, instruments, sessions, engine=side,
                                         machine=machine)  # fmt: skip
            process = stack.enter_context(peers.service(Path(config.file)))
            running.services[side] = RunningService(config, process, venue)
        config = configuration.write(_subfolder(folder, "baselines"), 0, instruments, sessions)
        for side, start in _BASELINES.items():
            if side in wanted:
                settings, port = configuration.bare_settings(config, _subfolder(folder, side), side in _IN_MEMORY)
                try:
                    process = stack.enter_context(start(settings))
                except NotBuiltError as error:
                    running.skipped[side] = str(error)
                    continue
                running.add(side, process, int(process.ready_text) if side == ECHO else port)
        running.await_quotes(LoadShape(1.0, 1.0, 0.0, market_rate, instruments, sessions))
        if len(running.services) == 1:
            running.fed = next(iter(running.services)), market_rate
        yield running


def alternating(which: Sequence[T], repeats: int) -> Iterator[tuple[int, T]]:
    """(repeat, item) for every repeat, in an order that is reversed with each repeat."""
    for repeat in range(repeats):
        for one in which if repeat % 2 == 0 else reversed(which):
            yield repeat, one


def _subfolder(folder: Path, name: str) -> Path:
    path = folder / name.replace(" ", "-")
    path.mkdir()
    return path


_IN_MEMORY = (CPP_MEMORY, PYTHON_MEMORY)
_BASELINES: dict[str, Callable[[Path], AbstractContextManager[PeerProcess]]] = {
    CPP: lambda settings: peers.cpp(find(), settings),
    CPP_MEMORY: lambda settings: peers.cpp(find(), settings),
    PYTHON: peers.bare,
    PYTHON_MEMORY: peers.bare,
    ECHO: lambda settings: peers.echo(settings.parent),
}
