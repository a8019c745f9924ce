"""Statistics of the bench: percentiles of latencies, and the spread of figures over repeats."""

import statistics
from collections.abc import Iterable, Sequence

import msgspec
from hdrh.histogram import HdrHistogram

from quotelife.runtime.clock import NS_PER_S

MINIMUM = 0.0  # as a percentile
PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99, 100.0)
_HIGHEST_NS = 600 * NS_PER_S
_DIGITS = 3


class Spread(msgspec.Struct, frozen=True):
    """Median, minimum and maximum of a figure over repeats."""

    median: float
    least: float
    most: float


def spread(figures: Iterable[float]) -> Spread:
    """The median, minimum and maximum of the figures."""
    listed = [float(each) for each in figures]
    return Spread(statistics.median(listed), min(listed), max(listed))


def percentiles(latencies_ns: Sequence[int], wanted: Sequence[float] = PERCENTILES) -> list[int]:
    """Latencies at the percentiles, from an HdrHistogram with three digits; the minimum is exact."""
    histogram = HdrHistogram(1, _HIGHEST_NS, _DIGITS)
    for latency in latencies_ns:
        histogram.record_value(min(max(latency, 1), _HIGHEST_NS))
    return [int(histogram.get_value_at_percentile(p)) if p > MINIMUM else min(latencies_ns) for p in wanted]


def percentile_name(percentile: float) -> str:
    if percentile <= MINIMUM:
        return "minimum"
    return "max" if percentile >= 100 else f"p{percentile:g}"
