"""Request to Quote: the service with everything on, beside a bare acceptor that answers a constant.

Both run at the same time, with the same engine, the same settings, the same store in memory and the same market-data
load on the machine; they are measured in turn, so that what else the machine does falls on both.
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec
from hdrh.histogram import HdrHistogram

from service.bench import configuration, peers
from service.bench.generator import Load, Measured
from service.bench.market import symbols
from service.clock import NS_PER_S
from service.config import Config, resolve
from service.quoting.dictionary import relax
from service.quoting.engine import engine_settings, read_defaults

PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)
SIDES = ("quotelife", "bare")
_HIGHEST_NS = 60 * NS_PER_S
_DIGITS = 3
_QUANTITY = 100


class Shape(NamedTuple):
    """Of the load: requests a second, seconds of a repeat, market-data messages a second, instruments."""

    rate: float
    seconds: float
    warm_up_s: float
    market_rate: float
    instruments: int


class Repeat(msgspec.Struct, kw_only=True):
    """One measured stretch of one side; `percentiles_ns` in the order of `PERCENTILES`."""

    side: str
    percentiles_ns: list[int]
    quotes: int
    rejects: int
    unanswered: int
    latest_send_ns: int


def measure(shape: Shape, repeats: int) -> list[Repeat]:
    """`repeats` stretches of each side, in turn. BenchError if a side does not start or a request is not answered."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-bench-") as name:
        folder = Path(name)
        with peers.venue(shape.market_rate) as venue_port:
            config = configuration.write(folder, venue_port, shape.instruments)
            settings, bare_port = _bare_settings(config, folder)
            with peers.quotelife(Path(config.file)), peers.bare(settings):
                ports = {"quotelife": config.acceptor.port, "bare": bare_port}
                return [_stretch(shape, side, ports[side], n) for n in range(repeats) for side in SIDES]


def _stretch(shape: Shape, side: str, port: int, n: int) -> Repeat:
    load = Load(
        port=port,
        sender=configuration.CLIENT,
        target=configuration.ACCEPTOR,
        symbols=symbols(shape.instruments),
        quantity=_QUANTITY,
        rate=shape.rate,
        seconds=shape.seconds,
        warm_up_s=shape.warm_up_s,
        prefix=f"{n}-",
    )
    measured = peers.generate(load)
    if not measured.quotes:
        raise peers.BenchError(f"{side} gave no quote: {measured.rejects} rejects, {measured.unanswered} unanswered")
    return Repeat(
        side=side,
        percentiles_ns=percentiles(measured),
        quotes=measured.quotes,
        rejects=measured.rejects,
        unanswered=measured.unanswered,
        latest_send_ns=measured.latest_send_ns,
    )


def percentiles(measured: Measured) -> list[int]:
    """Latencies at `PERCENTILES`, by an HdrHistogram of three digits."""
    histogram = HdrHistogram(1, _HIGHEST_NS, _DIGITS)
    for latency in measured.latencies_ns:
        histogram.record_value(min(latency, _HIGHEST_NS))
    return [int(histogram.get_value_at_percentile(p)) for p in PERCENTILES]


def _bare_settings(config: Config, folder: Path) -> tuple[Path, int]:
    """The service's own engine settings, with another port and store, and that port."""
    port = configuration.free_port()
    acceptor = msgspec.structs.replace(config.acceptor, port=port)
    source = resolve(config, config.acceptor.settings)
    defaults = read_defaults(config, source)
    for dictionary in source.parent.glob("*.xml"):
        relax(dictionary, folder / f"dictionary-{dictionary.name}")
    text = engine_settings(msgspec.structs.replace(config, acceptor=acceptor), defaults, folder, folder / "bare")
    settings = folder / "bare.cfg"
    settings.write_text(text)
    return settings, port
