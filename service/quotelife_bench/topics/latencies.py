"""What the requests of a bench took on each side, repeat by repeat."""

from collections.abc import Sequence

from quotelife_bench.figures import Figure, Table, figure
from quotelife_bench.load.generator import LoadResult
from quotelife_bench.sides import NAMES
from quotelife_bench.spread import percentile_name, percentiles, spread

_US = 1e3
CPU_COLUMNS = ["processor time", "the same without the monitor"]  # per request


class Latencies:
    """Percentiles and processor time per request in us, by side; one value per repeat."""

    def __init__(self, wanted: Sequence[float]) -> None:
        self._wanted = tuple(wanted)
        self._percentiles: dict[str, list[list[float]]] = {}  # by side, repeat and percentile
        self.loads: dict[str, list[LoadResult]] = {}

    def add(self, side: str, load: LoadResult) -> None:
        """Add one repeat."""
        found = [ns / _US for ns in percentiles(load.latencies_ns, self._wanted)]
        self._percentiles.setdefault(side, []).append(found)
        self.loads.setdefault(side, []).append(load)

    def table(self, title: str) -> Table:
        """Sides against percentiles and processor time."""
        rows = {
            NAMES[side]: [
                *(spread(column) for column in zip(*repeats, strict=True)),
                spread(load.cpu_us for load in self.loads[side]),
                spread(load.answer_us for load in self.loads[side]),
            ]
            for side, repeats in self._percentiles.items()
        }
        return Table(title=title, columns=[*map(percentile_name, self._wanted), *CPU_COLUMNS], rows=rows)

    def compare(self, side: str, baseline: str, percentile: float, at_most: float) -> list[Figure]:
        """A side against another at a percentile, with the target for the ratio; nothing if one of them is missing."""
        if side not in self._percentiles or baseline not in self._percentiles:
            return []
        ours, theirs = self._column(side, percentile), self._column(baseline, percentile)
        name = f"{percentile_name(percentile)}: {NAMES[side]} against {NAMES[baseline]}"
        return [figure(name, "us", ours, {"baseline": theirs}, ("at most", at_most, "times"))]

    def lines(self) -> dict[str, list[tuple[float, float]]]:
        """For a chart: the number of the percentile and its median."""
        return {
            NAMES[side]: [(float(n), spread(column).median) for n, column in enumerate(zip(*repeats, strict=True))]
            for side, repeats in self._percentiles.items()
        }

    def _column(self, side: str, percentile: float) -> list[float]:
        column = self._wanted.index(percentile)
        return [repeat[column] for repeat in self._percentiles[side]]
