"""What the settings of [machine] bring on this machine, as far as its cores can show it.

Each variant is a service of its own, started and measured alone, since one that polls takes a core from whatever runs
beside it; the variants take turns, and ratios are to the first one in the same repeat.
"""

import os

from quotelife_bench.figures import Figure, Table, Topic, figure
from quotelife_bench.progress import Progress
from quotelife_bench.sides import ENGINES, NAMES, NATIVE, LoadShape, alternating, sides
from quotelife_bench.spread import MINIMUM, percentile_name, percentiles, spread
from quotelife_bench.topics.closed import MARKET_RATE, PAUSE_US

_PERCENTILES = (MINIMUM, 50.0, 90.0, 99.0)
_WARM_UP = 500
_OPEN_RATE, _OPEN_MARKET_RATE = 500.0, 20_000.0
_DEFAULT = "as it comes"
_US = 1e3

Rows = dict[tuple[str, str], list[list[float]]]  # by engine and variant: for each repeat the percentiles of both loops


def variants(engine: str, cores: list[int]) -> dict[str, str]:
    """The lines of [machine] by name, for a machine with these cores."""
    first, last = cores[0], cores[-1]
    pinned = f"quoting = [{last}]\nmarketdata = [{first}]\nrecorder = [{first}]"
    found = {_DEFAULT: "", "the kernel's slices": "slice_us = 0", "busy_poll_us = 50": "busy_poll_us = 50"}
    if first != last:
        found |= {f"quoting on core {last}, the rest on {first}": pinned}
        if engine == NATIVE:
            found |= {f"the same, spinning on core {last}": f"{pinned}\nspin = true"}
    return found


def measure(requests: int, repeats: int, instruments: int, progress: Progress) -> Topic:
    """Measure every variant of every engine `repeats` times, in a closed and an open loop."""
    cores = sorted(os.sched_getaffinity(0))
    wanted = [(engine, name, lines) for engine in ENGINES for name, lines in variants(engine, cores).items()]
    rate = 1e6 / PAUSE_US
    closed = LoadShape(rate, requests / rate, _WARM_UP / rate, MARKET_RATE, instruments, pause_us=PAUSE_US)
    open_loop = LoadShape(_OPEN_RATE, requests / rate, 0.5, _OPEN_MARKET_RATE, instruments)
    rows: Rows = {}
    for repeat, (engine, name, lines) in alternating(wanted, repeats):
        progress.step(f"{engine}, {name}, {repeat + 1} of {repeats}")
        found: list[float] = []
        with sides((engine,), MARKET_RATE, instruments, 1, lines) as running:
            for shape in (closed, open_loop):
                measured = running.load(engine, shape)
                found += [ns / _US for ns in percentiles(measured.latencies_ns, _PERCENTILES)]
        rows.setdefault((engine, name), []).append(found)
    return _topic(requests, repeats, rows, cores)


def _topic(requests: int, repeats: int, rows: Rows, cores: list[int]) -> Topic:
    columns = [f"{loop} {percentile_name(p)}" for loop in ("closed", "open") for p in _PERCENTILES]
    table = Table(
        title="us",
        columns=columns,
        rows={
            f"{NAMES[engine]}, {name}": [spread(column) for column in zip(*each, strict=True)]
            for (engine, name), each in rows.items()
        },
    )
    figures: list[Figure] = []
    for (engine, name), each in rows.items():
        if name != _DEFAULT:
            ours, default = ([repeat[1] for repeat in found] for found in (each, rows[engine, _DEFAULT]))
            figures.append(figure(f"{NAMES[engine]}, {name}: closed p50", "us", ours, {_DEFAULT: default}))
    return Topic(
        topic="machine",
        title=f"settings of [machine] on {len(cores)} cores",
        tables=[table],
        figures=figures,
        notes=[
            f"{repeats} x {requests:,} requests; open: {_OPEN_RATE:g} requests/s with {_OPEN_MARKET_RATE:,.0f} "
            "market-data messages/s"
        ],
    )
