"""Walk-forward folds: what is chosen for a fit is chosen on earlier time alone.

The training time is cut into blocks in order; each block but the first is foretold by a fit of those before it. Rows
whose outcome could reach into the next block are purged, so that no fit has seen what it is asked.
"""

from dataclasses import dataclass

import numpy as np

from quotelife_models.schema import BIN_ENDS_MS
from quotelife_research.data.replay import NS_PER_MS, Grid

_BLOCKS = 3
_PURGE_NS = BIN_ENDS_MS[-1] * NS_PER_MS


@dataclass(frozen=True)
class Fold:
    earlier: list[Grid]
    later: list[Grid]


def folds(grids: list[Grid], blocks: int = _BLOCKS) -> list[Fold]:
    """Folds of these sessions, which are in order of time; whole sessions stay together where there are enough."""
    while len(grids) < blocks:
        longest = max(range(len(grids)), key=lambda i: len(grids[i].ts_ns))
        grids = [*grids[:longest], *halves(grids[longest]), *grids[longest + 1 :]]
    edges = np.linspace(0, len(grids), blocks + 1).round().astype(int)
    return [Fold(grids[: edges[i]], grids[edges[i] : edges[i + 1]]) for i in range(1, blocks)]


def halves(grid: Grid) -> list[Grid]:
    """A session in two; the rows of the first whose outcome is not known by the start of the second are left out."""
    cut = len(grid.ts_ns) // 2
    before = int(np.searchsorted(grid.ts_ns, grid.ts_ns[cut] - _PURGE_NS))
    return [
        Grid(grid.ts_ns[part], grid.x[part], grid.barriers[part], grid.passage[part])
        for part in (slice(0, before), slice(cut, None))
    ]
