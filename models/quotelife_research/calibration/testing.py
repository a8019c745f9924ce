"""Tests a fit on unseen days: measures, reliability, curves by volatility, importance of each feature."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from quotelife.report.statistics import BLOCK_NS
from quotelife_models import hazard as H
from quotelife_models.covariates import COVARIATES, N_COVARIATES
from quotelife_models.hazard import N_BINS, REFERENCE_BIN
from quotelife_models.parameters import Parameters
from quotelife_models.schema import BIN_ENDS_MS, REALISED_VOLATILITY_10S
from quotelife_research.calibration.challenger import ChallengerComparison, shifts
from quotelife_research.calibration.dataset import at_barrier
from quotelife_research.calibration.evaluation import evaluate, log_loss, loss_saved, reliability
from quotelife_research.calibration.recalibration import WalkForward
from quotelife_research.calibration.training import Fit, Scaling, predictors
from quotelife_research.data.replay import ONE_TICK, PICK_OFF, TOUCH, Grid

Floats = npt.NDArray[np.float64]
_HORIZON_EVERY = 7  # the table of horizons uses one in this many rows
_SHUFFLED_ROWS = 40_000
_SPREAD, _LOG_SPREAD = H.REGIME_FEATURES.index("spread"), COVARIATES.index("log_spread")
_EVENTS = {"touch": TOUCH, "through": ONE_TICK, "pick_off": PICK_OFF}


class _Curves:
    """p(T) of parameters, from covariates."""

    theta: Floats
    scaling: Scaling
    trees: list[list[float]]
    pooled: Floats | None  # theta of the pooled fit, which takes over outside of `spreads`
    spreads: tuple[float, float]

    def p_at_ends(self, z: Floats) -> Floats:
        """p [n, N_BINS] at the bin ends, from covariates that are not standardised."""
        return self._p(self.scaling.apply(z))

    def _p(self, z: Floats) -> Floats:
        eta = predictors(self.theta, z)
        if self.trees:
            eta += shifts(self.trees, z)[:, None]
        if self.pooled is not None:
            share = self._pooled_share(z)[:, None]
            eta += share * (predictors(self.pooled, z) - eta)
        p: Floats = 1.0 - np.cumprod(1.0 / (1.0 + np.exp(np.clip(eta, -30.0, 30.0))), axis=1, dtype=np.float64)
        return p

    def _pooled_share(self, z: Floats) -> Floats:
        """As `hazard.pooled_share`, from the spread's covariate."""
        spread = np.exp(z[:, _LOG_SPREAD] * self.scaling.scale[_LOG_SPREAD] + self.scaling.centre[_LOG_SPREAD])
        times = np.maximum(np.maximum(spread / self.spreads[1], self.spreads[0] / spread), 1.0)
        share: Floats = np.minimum(np.log(times) / math.log(H.STRANGE), 1.0)
        return share

    def added(self, z: Floats, happened: npt.NDArray[np.bool_]) -> dict[str, float]:
        """Permutation importance: the increase of the log loss at the reference horizon when a feature, with all
        covariates derived from it, is shuffled among the rows."""
        rng = np.random.default_rng(0)
        some = rng.permutation(len(z))[:_SHUFFLED_ROWS]
        z, happened = self.scaling.apply(z[some]), happened[some]
        before = log_loss(self._p(z)[:, REFERENCE_BIN], happened)
        found = {}
        for name, columns in _features().items():
            shuffled = z.copy()
            shuffled[:, columns] = z[rng.permutation(len(z))][:, columns]
            found[name] = log_loss(self._p(shuffled)[:, REFERENCE_BIN], happened) - before
        return dict(sorted(found.items(), key=lambda item: -item[1]))


@dataclass(frozen=True)
class SavedHazard(_Curves):
    """A hazard read from a parameter file."""

    theta: Floats  # [N_THETA]
    scaling: Scaling
    trees: list[list[float]]
    pooled: Floats
    spreads: tuple[float, float]

    @classmethod
    def of(cls, parameters: Parameters, row: int) -> "SavedHazard":
        """The hazard in a row of the parameters, with the numbers that the kernels read."""
        values = parameters.table[row]
        alpha, beta, gamma, centre, inverse = (
            values[at : at + n]
            for at, n in ((H.ALPHA, N_BINS), *((at, N_COVARIATES) for at in (H.BETA, H.GAMMA, H.CENTRE, H.SCALE)))
        )
        trees = values[H.BOOST + 1 :][: int(values[H.BOOST]) * H.TREE_WORDS].reshape(-1, H.TREE_WORDS).tolist()
        pooled = values[H.POOLED : H.POOLED + H.N_THETA]
        spreads = (float(values[H.REGIME_LOW + _SPREAD]), float(values[H.REGIME_HIGH + _SPREAD]))
        return cls(np.concatenate((alpha, beta, gamma)), Scaling(centre, 1.0 / inverse), trees, pooled, spreads)


@dataclass(frozen=True)
class FittedHazard(_Curves):
    """A fit as the service uses it."""

    fit: Fit
    scaling: Scaling
    trees: list[list[float]] = field(default_factory=list)
    comparison: ChallengerComparison | None = None
    later_days: WalkForward | None = None
    error: float = 0.0  # of the log-odds at the reference bin
    pooled: Floats | None = None
    spreads: tuple[float, float] = (0.0, math.inf)

    @property
    def theta(self) -> Floats:  # type: ignore[override]
        return self.fit.theta

    def choices(self) -> dict[str, Any]:
        """The choices made on the walk-forward folds of the training days."""
        found: dict[str, Any] = {}
        if self.later_days:
            found["walk_forward_slope"] = asdict(self.later_days) | {"applied": self.later_days.factor}
        if self.comparison:
            found["trees"] = {
                "log_likelihood_gain": self.comparison.gain,
                "error": self.comparison.error,
                "share_of_loss": self.comparison.share,
                "taken": bool(self.trees),
            }
        return found

    def coefficients(self) -> dict[str, list[float]]:
        """Slope per standard deviation and its standard error for each covariate, at the reference horizon."""
        errors = np.sqrt(np.maximum(np.diag(self.fit.covariance), 0.0))[N_BINS:]
        return {
            name: [float(b), float(e)]
            for name, b, e in zip(COVARIATES, self.fit.beta, errors[: len(COVARIATES)], strict=True)
        }


def _features() -> dict[str, list[int]]:
    """The columns derived from a single covariate, by its name."""
    groups: dict[str, list[int]] = {}
    for at, name in enumerate(COVARIATES):
        own = name.removesuffix("_near_barrier").removesuffix("_touch")
        own = {"spread": "log_spread"}.get(own, own)
        groups.setdefault(own, []).append(at)
    return {name: columns for name, columns in groups.items() if "barrier" not in name and name != "touch"}


def evaluate_fit(grids: list[Grid], fitted: FittedHazard | SavedHazard, unseen: FittedHazard | None) -> dict[str, Any]:
    """The report of a fit: the touch at the reference horizon at the top level, other horizons and events nested.
    Slopes with their errors are reported for a new fit only."""
    tested: dict[str, Any] = {}
    volatility = np.repeat(np.concatenate([g.x[:, REALISED_VOLATILITY_10S] for g in grids]), 2)
    blocks = _blocks(grids)
    for event, which in _EVENTS.items():
        z, bins = (np.concatenate(parts) for parts in zip(*(at_barrier(g, which) for g in grids), strict=True))
        p = fitted.p_at_ends(z)
        few = slice(None, None, _HORIZON_EVERY)
        happened = bins <= REFERENCE_BIN
        block: dict[str, Any] = {
            **evaluate(p[:, REFERENCE_BIN], happened),
            "log_loss_saved": loss_saved(p[:, REFERENCE_BIN], happened, blocks),
            "horizons": {str(ms): evaluate(p[few, k], bins[few] <= k) for k, ms in enumerate(BIN_ENDS_MS)},
            "reliability": reliability(p[:, REFERENCE_BIN], happened),
            "by_volatility": _terciles(p[few], bins[few], volatility[few]),
        }
        if unseen is not None:  # fitted on the other instruments only
            block["as_new_instrument"] = evaluate(unseen.p_at_ends(z)[:, REFERENCE_BIN], happened)
        if event == "touch":
            added: dict[str, Any] = {"features_add": fitted.added(z, happened)}
            if isinstance(fitted, FittedHazard):
                added["coefficients"] = fitted.coefficients()
            tested |= {"event": "the best price of the quote's own side moves away by a tick"} | block | added
        else:
            tested[event] = block
    return tested


def _blocks(grids: list[Grid]) -> npt.NDArray[np.int64]:
    """The five-minute block of each row, each row twice, as its sides are; sessions have none in common."""
    found, first = [], 0
    for grid in grids:
        block = first + (grid.ts_ns - grid.ts_ns[0]) // BLOCK_NS
        first = int(block[-1]) + 1
        found.append(block)
    return np.repeat(np.concatenate(found), 2)


def _terciles(p: Floats, bins: npt.NDArray[np.int64], volatility: Floats) -> list[dict[str, Any]]:
    """Mean curve and observed rate by volatility tercile, lowest first."""
    order = np.argsort(volatility, kind="stable")
    return [
        {
            "volatility": float(volatility[part].mean()),
            "p": p[part].mean(axis=0).tolist(),
            "rate": [float((bins[part] <= k).mean()) for k in range(N_BINS)],
        }
        for part in np.array_split(order, 3)
        if len(part)
    ]
