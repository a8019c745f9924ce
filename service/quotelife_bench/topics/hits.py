"""Hits: from a client's QuoteResponse to its ExecutionReport, the disk included, for each engine.

The baseline is the bare Python engine that writes one row and waits for it (fdatasync), on the same disk. All run at
the same time and are measured alternately: one session, and several that hit at the same time, whose fills share the
syncs.
"""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from quotelife_bench import configuration
from quotelife_bench.figures import Figure, Limit, Topic, figure
from quotelife_bench.load import peers
from quotelife_bench.load.hits import HitPlan, HitTimes
from quotelife_bench.load.market import symbols
from quotelife_bench.progress import Progress
from quotelife_bench.sides import ENGINES, NAMES, alternating
from quotelife_bench.spread import percentiles

SESSIONS = 8
DISK = Path("/var/tmp")  # where data survives a restart of the machine, so that it is not in memory
_BARE = "bare Python engine, one row"
_SIDES = (*ENGINES, _BARE)
_MARKET_RATE, _PAUSE_US, _WARM_UP = 150.0, 500.0, 20
_QUANTITY, _PERCENTILES = 1, (50.0, 99.0)
_AT_MOST = 1.3


class Measured:
    """The repeats of one side with one number of sessions."""

    def __init__(self) -> None:
        self.percentiles_us: list[list[float]] = []
        self.per_second: list[float] = []
        self.refused = self.hits = 0

    def add(self, times: HitTimes) -> None:
        self.percentiles_us.append([ns / 1e3 for ns in percentiles(times.latencies_ns, _PERCENTILES)])
        self.per_second.append(len(times.latencies_ns) / times.seconds)
        self.refused += times.refused
        self.hits += len(times.latencies_ns)


def measure(hits: int, repeats: int, instruments: int, progress: Progress) -> Topic:
    """Measure `hits` of a session in every repeat."""
    found = {(side, n): Measured() for side in _SIDES for n in (1, SESSIONS)}
    with ExitStack() as stack:
        ports = _start(stack, instruments)
        for turn, (repeat, (side, n)) in enumerate(alternating(list(found), repeats)):
            progress.step(f"{side}, {n} sessions, {repeat + 1} of {repeats}")
            plan = HitPlan(
                port=ports[side], senders=configuration.sessions(n), target=configuration.ACCEPTOR,
                symbols=symbols(instruments), quantity=_QUANTITY, hits=max(hits // n, 10), warm_up=_WARM_UP,
                pause_us=_PAUSE_US, prefix=f"{turn}-",
            )  # fmt: skip
            answer = peers.run_module("quotelife_bench.load.hits", msgspec.json.encode(plan))
            found[side, n].add(msgspec.json.decode(answer, type=HitTimes))
    refused = sum(each.refused for each in found.values())
    return Topic(
        topic="hits",
        title=f"hit to ExecutionReport, durable, with {_MARKET_RATE:g} market-data messages/s",
        figures=[line for n in (1, SESSIONS) for line in _figures(found, n)],
        counts={"hits": sum(each.hits for each in found.values()), "refused": refused},
        problems=[f"{refused} hits or requests were refused"] if refused else [],
        notes=[f"{repeats} x {hits:,} hits per side, {_PAUSE_US:g} us after their quotes; data in {DISK}"],
    )


def _figures(found: dict[tuple[str, int], Measured], n: int) -> list[Figure]:
    who = "one session" if n == 1 else f"{n} sessions at the same time"
    bare, lines = found[_BARE, n], []

    def column(of: Measured, at: int) -> Sequence[float]:
        return [repeat[at] for repeat in of.percentiles_us]

    for side in ENGINES:
        ours = found[side, n]
        for at, percentile in enumerate(_PERCENTILES):
            limit: Limit | None = ("at most", _AT_MOST, "times") if at == 0 else None
            name = f"{who}, {NAMES[side]}, p{percentile:g}"
            lines.append(figure(name, "us", column(ours, at), {_BARE: column(bare, at)}, limit))
        name = f"{who}, {NAMES[side]}, hits"
        lines.append(figure(name, "hits/s", ours.per_second, {_BARE: bare.per_second}))
    return lines


def _start(stack: ExitStack, instruments: int) -> dict[str, int]:
    """Start all sides, with their data on the disk; the port of each."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-bench-")))
    disk = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=DISK, prefix="quotelife-bench-")))
    ports: dict[str, int] = {}
    for side in ENGINES:
        (folder / side).mkdir()
        venue = stack.enter_context(peers.venue(_MARKET_RATE))
        config = configuration.write(
            folder / side, venue.port, instruments, SESSIONS, data=disk / side, engine=side
        )  # fmt: skip
        stack.enter_context(peers.service(Path(config.file)))
        ports[side] = config.acceptor.port
    (folder / "bare").mkdir()
    (folder / "baselines").mkdir()
    config = configuration.write(folder / "baselines", 0, instruments, SESSIONS)
    settings, ports[_BARE] = configuration.bare_settings(config, folder / "bare")
    stack.enter_context(peers.bare(settings, disk / "rows"))
    return ports
