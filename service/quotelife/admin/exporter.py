"""Exports the metrics regions of the run directory as Prometheus text.

Everything except the values is rendered once per region, so a scrape only copies words and joins texts. A region is
attached again when its inode changes, as after the restart of a process.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from quotelife.config.paths import RunPaths
from quotelife.metrics.family import Family
from quotelife.metrics.histogram import HISTOGRAM_WORDS, LOW_EXPONENT, SUB, upper_bounds
from quotelife.metrics.region import MetricsRegion, Series
from quotelife.shm.region import Follower, RegionError

_BOUNDS_PER_OCTAVE = 2  # exposed; the region holds SUB


class _RegionText:
    """One region with its pre-rendered text."""

    def __init__(self, region: MetricsRegion) -> None:
        self.region = region
        self._families = {f.name: f for f in region.families}
        self._series: dict[str, list[_SeriesText]] = {name: [] for name in self._families}
        for series in region.series:
            self._series[series.family].append(_SeriesText(self._families[series.family], series))

    def names(self) -> list[str]:
        return list(self._families)

    def head(self, family: str) -> str:
        f = self._families[family]
        return f"# HELP {f.name} {f.help}\n# TYPE {f.name} {f.kind}\n"

    def lines(self, family: str, values: NDArray[np.int64]) -> Iterator[str]:
        for lines in self._series.get(family, ()):
            yield lines.render(values)


class _SeriesText:
    """One series: the pre-rendered text in front of each of its values."""

    def __init__(self, family: Family, series: Series) -> None:
        self._word = series.word
        self._scale = family.scale
        labels = [f'{name}="{_escaped(value)}"' for name, value in series.labels]
        self._is_histogram = family.kind == "histogram"
        if not self._is_histogram:
            self._prefix = _sample(family.name, labels)
            return
        self._cuts, bounds = _exposed_bounds(*family.shown)
        texts = [f"{bound * family.scale:.6g}" for bound in bounds] + ["+Inf"]
        self._prefixes = [_sample(f"{family.name}_bucket", [*labels, f'le="{text}"']) for text in texts]
        self._sum, self._count = _sample(f"{family.name}_sum", labels), _sample(f"{family.name}_count", labels)

    def render(self, values: NDArray[np.int64]) -> str:
        if not self._is_histogram:
            return f"{self._prefix}{self._number(values[self._word])}\n"
        words = values[self._word : self._word + HISTOGRAM_WORDS]
        cumulative = np.cumsum(words[1:])[self._cuts].tolist()
        out = [f"{prefix}{n}\n" for prefix, n in zip(self._prefixes, cumulative, strict=True)]
        out.append(f"{self._sum}{self._number(words[0])}\n{self._count}{cumulative[-1]}\n")
        return "".join(out)

    def _number(self, value: np.int64) -> str:
        return str(value) if self._scale == 1 else repr(float(value) * self._scale)


class Exporter:
    """`render` returns the text of every region in the run directory."""

    def __init__(self, run: RunPaths) -> None:
        self._run = run
        self._followers: dict[str, Follower[MetricsRegion]] = {}
        self._texts: dict[str, _RegionText] = {}

    def regions(self) -> dict[str, MetricsRegion]:
        """The current regions by process name, attached again where the file was replaced."""
        found = {}
        for process, path in self._run.all_metrics().items():
            try:
                region = self._followers.setdefault(process, Follower(path, MetricsRegion.attach)).poll()
            except RegionError:
                continue
            if region is None:
                continue  # deleted meanwhile
            text = self._texts.get(process)
            found[process] = text if text is not None and text.region is region else _RegionText(region)
        self._texts = found
        return {process: text.region for process, text in found.items()}

    def render(self) -> str:
        """Prometheus text; the series of a family form one group across processes, as the format requires."""
        self.regions()
        texts = [(text, text.region.values.copy()) for text in self._texts.values()]
        heads = {name: text.head(name) for text, _ in texts for name in text.names()}
        out = []
        for name, head in heads.items():
            out.append(head)
            for text, values in texts:
                out.extend(text.lines(name, values))
        return "".join(out)


def _exposed_bounds(low: int, high: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Indices of the exposed cumulative counts (the last is +Inf), and the finite bounds."""
    step = SUB // _BOUNDS_PER_OCTAVE
    cuts = np.arange((low - LOW_EXPONENT) * SUB, (high - LOW_EXPONENT) * SUB + 1, step)
    bounds = upper_bounds()
    return np.append(cuts, len(bounds) - 1), bounds[cuts]


def _sample(name: str, labels: list[str]) -> str:
    return f"{name}{{{','.join(labels)}}} " if labels else f"{name} "


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
