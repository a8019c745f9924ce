"""The latency budget of a request by stage, from the service's own histograms."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quotelife.config.paths import RunPaths
from quotelife.metrics import labels
from quotelife.metrics.histogram import HISTOGRAM_WORDS, quantile
from quotelife.metrics.region import MetricsRegion
from quotelife_bench.figures import Figure, figure

_FAMILY = "quotelife_stage_seconds"
_MEANING = {
    "parse": "text to request",
    "decide": "request to decision",
    "send": "decision to sent message",
    "whole": "entire callback",
}
_OUTSIDE = "outside the callback"  # generator, both sockets, reading and parsing in the engine

Stages = dict[str, NDArray[np.int64]]


class LatencyBudget:
    """Stage histograms over the measured repeats, including warm-up."""

    def __init__(self, run: Path) -> None:
        self._path = RunPaths(run).metrics("quoting")
        self._p50: dict[str, list[float]] = {stage: [] for stage in labels.STAGES}
        self._p99: dict[str, list[float]] = {stage: [] for stage in labels.STAGES}
        self._outside: list[float] = []

    def read(self) -> Stages:
        """The current histogram of every stage, over all models."""
        region = MetricsRegion.attach(self._path)
        found: Stages = {stage: np.zeros(HISTOGRAM_WORDS, np.int64) for stage in labels.STAGES}
        for series in region.series:
            if series.family == _FAMILY:
                found[dict(series.labels)["stage"]] += region.values[series.word : series.word + HISTOGRAM_WORDS]
        return found

    def add(self, before: Stages, after: Stages, latencies_ns: list[int]) -> None:
        """Add one measured repeat of the service."""
        for stage in labels.STAGES:
            words = after[stage] - before[stage]
            self._p50[stage].append(quantile(words, 0.5) / 1e3)
            self._p99[stage].append(quantile(words, 0.99) / 1e3)
        self._outside.append(float(np.median(latencies_ns)) / 1e3 - self._p50["whole"][-1])

    def figures(self, engine: str) -> list[Figure]:
        """Two lines per stage of an engine: the median over requests, then the 99th percentile."""
        found = []
        for stage in labels.STAGES:
            found.append(figure(f"{engine}: {stage}: {_MEANING.get(stage, stage)}, p50", "us", self._p50[stage]))
            found.append(figure(f"{engine}: {stage}, p99", "us", self._p99[stage]))
        return [*found, figure(f"{engine}: {_OUTSIDE}, p50", "us", self._outside)]
