"""Walk-forward folds for choosing the settings of a fit.

The training time is cut into consecutive blocks; each block except the first is predicted by a fit of the earlier ones.
Rows whose outcome could reach into the next block are purged, so that no fit has seen what it predicts.
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
    """Folds of these sessions, which are in time order; sessions are split only if there are too few."""
    while len(grids) < blocks:
        longest = max(range(len(grids)), key=lambda i: len(grids[i].ts_ns))
        grids = [*grids[:longest], *halves(grids[longest]), *grids[longest + 1 :]]
    edges = np.linspace(0, len(grids), blocks + 1).round().astype(int)
    return [Fold(grids[: edges[i]], grids[edges[i] : edges[i + 1]]) for i in range(1, blocks)]


def halves(grid: Grid) -> list[Grid]:
    """The two halves of a session, without rows of the first whose outcome is unknown at the start of the second."""
    cut = len(grid.ts_ns) // 2
    before = int(np.searchsorted(grid.ts_ns, grid.ts_ns[cut] - _PURGE_NS))
    return [
        Grid(grid.ts_ns[part], grid.x[part], grid.barriers[part], grid.passage[part], grid.on_grid[part])
        for part in (slice(0, before), slice(cut, None))
    ]
