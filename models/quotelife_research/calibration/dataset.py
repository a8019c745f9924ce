"""Samples for the fit: one row per (time, side, barrier) with its covariates and the bin of its first passage."""

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt
from numba import njit

from quotelife_models import covariates as C
from quotelife_models import schema as S
from quotelife_models.covariates import N_COVARIATES, fill_barrier, fill_base
from quotelife_research.data.replay import NS_PER_MS, ONE_TICK, TOUCH, Grid

Floats = npt.NDArray[np.float64]
_CLUSTER_NS = 60_000 * NS_PER_MS  # overlapping windows make neighbours dependent; at a minute's distance hardly
DAY_NS = 86_400_000 * NS_PER_MS
_REFERENCE_BIN = S.BIN_ENDS_MS.index(S.REFERENCE_HORIZON_MS)


@dataclass(frozen=True)
class Samples:
    """n rows for the fit. `bin` is the bin of the first passage, N_BINS without one."""

    z: Floats  # [n, N_COVARIATES], not standardised
    bin: npt.NDArray[np.int64]  # [n]
    weight: Floats  # [n]
    cluster: npt.NDArray[np.int64]  # [n], rising
    day: npt.NDArray[np.int64]  # [n], since 1970

    def __len__(self) -> int:
        return len(self.bin)

    def scaled(self, factor: float) -> "Samples":
        return replace(self, weight=self.weight * factor)

    def every(self, step: int) -> "Samples":
        """One row in `step`."""
        return Samples(*(getattr(self, f.name)[::step] for f in fields(self)))


@njit(
    "void(float64[:,::1], int64[::1], float64[::1], float64[::1], float64[::1], float64[:,::1])", cache=True, nogil=True
)
def fill_covariates(x, row, side, barrier, event, z):
    """Covariates of samples: market row, side, barrier and event of each; z float64[n, N_COVARIATES]."""
    for i in range(row.shape[0]):
        fill_base(x[row[i]], side[i], z[i])
        fill_barrier(barrier[i], event[i], z[i])


def samples(grids: list[Grid], limit: int, seed: int = 0) -> Samples:
    """About `limit` rows of these grids at most, in time order.

    For each time and side: the one-tick barrier, the touch, and one other random barrier. Rows with a passage within
    the reference horizon are all kept if they fit; the others are thinned and weighted accordingly, because rare moves
    carry most of the information.
    """
    rng = np.random.default_rng(seed)
    chosen = [_choose(grid, rng) for grid in grids]
    bins = np.concatenate([c[4] for c in chosen])
    early = bins <= _REFERENCE_BIN
    share = min(1.0, limit / 2 / max(early.sum(), 1)), min(1.0, limit / 2 / max((~early).sum(), 1))
    parts = []
    first_cluster = 0
    for grid, (row, side, barrier, event, bin_) in zip(grids, chosen, strict=True):
        kept_share = np.where(bin_ <= _REFERENCE_BIN, share[0], share[1])
        keep = np.flatnonzero(rng.random(len(row)) < kept_share)
        z = np.empty((len(keep), N_COVARIATES))
        fill_covariates(grid.x, row[keep], side[keep], barrier[keep], event[keep], z)
        cluster = first_cluster + (grid.ts_ns[row[keep]] - grid.ts_ns[0]) // _CLUSTER_NS
        first_cluster = int(cluster[-1]) + 1 if len(cluster) else first_cluster
        day = np.full(len(keep), grid.ts_ns[0] // DAY_NS)
        parts.append(Samples(z, bin_[keep], 1.0 / kept_share[keep], cluster, day))
    return join(parts)


def join_clusters(parts: list[Samples]) -> Samples:
    """Join samples of different sources; their clusters stay distinct."""
    shifted, first = [], 0
    for p in parts:
        shifted.append(replace(p, cluster=p.cluster + first))
        first += int(p.cluster.max()) + 1
    return join(shifted)


def join(parts: list[Samples]) -> Samples:
    return Samples(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Samples)))


def _choose(
    grid: Grid, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], Floats, Floats, Floats, npt.NDArray[np.int64]]:
    """(row, side, barrier, event, bin) of every candidate, in time order."""
    n = len(grid.ts_ns)
    row = np.repeat(np.arange(n), 6)
    side = np.tile([0, 0, 0, 1, 1, 1], n)
    which = np.tile([ONE_TICK, TOUCH, 0], 2 * n)
    which[2::3] = rng.integers(ONE_TICK + 1, TOUCH, 2 * n)
    event = _events(which)
    return row, 1.0 - 2.0 * side, grid.barriers[row, which], event, grid.passage[row, side, which].astype(np.int64)


def _events(which: npt.NDArray[np.int64]) -> Floats:
    return np.where(which == TOUCH, C.TOUCH, C.THROUGH)


def at_barrier(grid: Grid, which: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """(z, bin) of every time of the grid, both sides, for one barrier of `replay.BARRIERS`; for testing."""
    n = len(grid.ts_ns)
    row = np.repeat(np.arange(n), 2)
    side = np.tile([0, 1], n)
    z = np.empty((2 * n, N_COVARIATES))
    barrier, event = np.ascontiguousarray(grid.barriers[row, which]), _events(np.full(2 * n, which))
    fill_covariates(grid.x, row, 1.0 - 2.0 * side, barrier, event, z)
    return z, grid.passage[row, side, which].astype(np.int64)
