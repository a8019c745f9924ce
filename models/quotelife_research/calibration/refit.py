"""Refits one instrument from labelled samples of the running service.

    python -m quotelife_research.calibration.refit SAMPLES ROW

SAMPLES is an .npz of `row` float64[N_PARAMETERS], the active row; `moment_ns` int64[n], `x` float64[n, N_FEATURES],
`barriers` float64[n, 2, 4] in ticks and `bins` uint8[n, 2, 4], of an offer and a bid: one tick, the touch, the pick-off
and another barrier. ROW receives the fitted row as .npy. The method is that of
`quotelife_research.calibration.calibrate` with the active row as prior: the penalty is chosen on walk-forward folds,
and rows whose outcome reaches into the next fold are purged. The slopes are not shrunk: hours do not tell by how much.
The caller decides whether the new fit is better.

Runs at the lowest priority. Exit code 3 if the packages of the extra `fit` are not installed.
"""

import os
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quotelife.config.extras import install
from quotelife_models import hazard as H
from quotelife_models import schema as S
from quotelife_models.covariates import N_COVARIATES, THROUGH, TOUCH

Floats = npt.NDArray[np.float64]
NOT_INSTALLED = 3
_NICE = 19
_ROWS = 40_000
_BLOCKS = 3
_REGIME_QUANTILES = (0.05, 0.95)
_PENALTIES = (100.0, 1000.0, 10000.0)
_NS_PER_MS = 1_000_000
_CLUSTER_NS = 60_000 * _NS_PER_MS


def refit(
    row: Floats, moment_ns: npt.NDArray[np.int64], x: Floats, barriers: Floats, bins: npt.NDArray[np.uint8]
) -> Floats:
    """The row of the new fit; the instrument's usual feature values are unchanged."""
    from quotelife_research.calibration import challenger
    from quotelife_research.calibration.dataset import DAY_NS, Samples, fill_covariates
    from quotelife_research.calibration.training import Scaling, high_error, predictors, select_penalty, train

    rng = np.random.default_rng(0)
    purge_ns = S.BIN_ENDS_MS[-1] * _NS_PER_MS

    def samples(chosen: npt.NDArray[np.int64], limit: int) -> Samples:
        """For each moment and side: the one-tick barrier, the touch, and one of the other two at random."""
        chosen = chosen[:: max(1, -(-6 * len(chosen) // limit))]
        n = len(chosen)
        moment = np.repeat(chosen, 6)
        side = np.tile([0, 0, 0, 1, 1, 1], n)
        which = np.tile([0, 1, 2], 2 * n)
        which[2::3] = rng.integers(2, 4, 2 * n)
        event = np.where(which == 1, TOUCH, THROUGH)
        z = np.empty((6 * n, N_COVARIATES))
        fill_covariates(x, moment, 1.0 - 2.0 * side, np.ascontiguousarray(barriers[moment, side, which]), event, z)
        cluster = (moment_ns[moment] - moment_ns[chosen[0]]) // _CLUSTER_NS
        day = moment_ns[moment] // DAY_NS
        return Samples(z, bins[moment, side, which].astype(np.int64), np.ones(6 * n), cluster, day)

    scaling = Scaling(row[H.CENTRE : H.SCALE].copy(), 1.0 / row[H.SCALE : H.ERROR])
    prior = row[H.ALPHA : H.CENTRE].copy()
    everything = np.arange(len(moment_ns))
    edges = np.linspace(0, len(everything), _BLOCKS + 1).round().astype(int)
    folds = []
    for k in range(1, _BLOCKS):
        earlier = everything[: np.searchsorted(moment_ns, moment_ns[edges[k]] - purge_ns)]
        folds.append((samples(earlier, _ROWS // 2), samples(everything[edges[k] : edges[k + 1]], _ROWS // 2)))
    penalty, _ = select_penalty(folds, scaling, prior, _PENALTIES)
    seen = samples(everything, _ROWS)
    fit, z = train(seen, scaling, penalty, prior), scaling.apply(seen.z)
    new = row.copy()
    new[H.ALPHA : H.CENTRE] = fit.theta
    new[H.ERROR] = max(high_error(fit, z), row[H.ERROR])  # hours do not tell how much days differ
    for i, name in enumerate(H.REGIME_FEATURES):  # this market has been seen now
        low, high = np.quantile(x[:, S.INDEX[name]], _REGIME_QUANTILES)
        new[H.REGIME_LOW + i] = min(low, row[H.REGIME_LOW + i])
        new[H.REGIME_HIGH + i] = max(high, row[H.REGIME_HIGH + i])
    new[H.BOOST :] = 0.0
    if row[H.BOOST]:  # trees grown on another fit do not apply to this one
        trees = challenger.grow_trees(z, predictors(fit.theta, z), seen)
        new[H.BOOST] = len(trees)
        new[H.BOOST + 1 : H.BOOST + 1 + len(trees) * H.TREE_WORDS] = np.concatenate([np.array(t) for t in trees])
    return new


def main(samples_file: str, row_file: str) -> int:
    os.nice(_NICE)
    with np.load(samples_file) as arrays:
        content = {name: arrays[name] for name in ("row", "moment_ns", "x", "barriers", "bins")}
    try:
        new = refit(**content)
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed: {install('fit')}", file=sys.stderr)
        return NOT_INSTALLED
    part = Path(f"{row_file}.part")
    with open(part, "wb") as file:
        np.save(file, new)
    part.replace(row_file)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
