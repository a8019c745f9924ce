"""The challenger: boosted trees (LightGBM) on the base covariates, in addition to the hazard's linear predictor.

The trees shift the log-odds of all bins equally, starting from the predictor of the fit, and are served as flat arrays.
They are used only if they predict unseen days better than the fit alone, by more than the error of the difference.
"""

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt

from quotelife_models.covariates import BASE, LOWERING, N_BASE, RAISING
from quotelife_models.hazard import MAX_TREES, TREE_DEPTH, TREE_NODES
from quotelife_research.calibration.dataset import Samples
from quotelife_research.calibration.training import at_risk_rows

Floats = npt.NDArray[np.float64]
_SETTINGS = {
    "objective": "binary",
    "learning_rate": 0.1,
    "num_leaves": 2**TREE_DEPTH,
    "max_depth": TREE_DEPTH,
    "min_data_in_leaf": 500,
    "lambda_l2": 50.0,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "num_threads": 1,  # more threads wait longer than they work on busy cores
    "force_col_wise": True,  # otherwise LightGBM chooses by timing and results vary
    "deterministic": True,
    "seed": 1,
    "boost_from_average": False,
    "monotone_constraints": [(name in RAISING) - (name in LOWERING) for name in BASE],
    "verbose": -1,
}
_ERRORS = 2.0  # standard errors by which the challenger must win


@dataclass(frozen=True)
class ChallengerComparison:
    """Walk-forward gain in negative log-likelihood per sample (fit alone minus fit with trees), and its error."""

    gain: float
    error: float
    share: float  # of the loss of the fit alone

    @property
    def won(self) -> bool:
        return self.gain > _ERRORS * self.error


def grow_trees(z: Floats, eta: Floats, samples: Samples) -> list[list[float]]:
    """Trees in the layout of `quotelife_models.hazard`, fitted to standardised covariates z and the fit's predictors
    `eta`."""
    rows, k, event = at_risk_rows(samples.bin)
    base = z[:, :N_BASE].astype(np.float32)[rows]
    data = lightgbm.Dataset(base, event, weight=samples.weight[rows], init_score=eta[rows, k])
    booster = lightgbm.train(_SETTINGS, data, MAX_TREES)
    return [_flat(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]


def _flat(tree: dict[str, Any]) -> list[float]:
    """A tree as a complete binary tree: a leaf above the last level is repeated below."""
    inner, leaves = [0.0, 0.0] * TREE_NODES, [0.0] * (TREE_NODES + 1)

    def put(node: dict[str, Any], at: int) -> None:
        if at >= TREE_NODES:
            leaves[at - TREE_NODES] = float(f"{node['leaf_value']:.5g}")
            return
        split = "split_feature" in node
        if split:
            inner[2 * at], inner[2 * at + 1] = float(node["split_feature"]), float(f"{node['threshold']:.9g}")
        put(node["left_child"] if split else node, 2 * at + 1)
        put(node["right_child"] if split else node, 2 * at + 2)

    put(tree, 0)
    return inner + leaves


def shifts(trees: list[list[float]], z: Floats) -> Floats:
    """Sum of the trees for each row of standardised covariates."""
    total, every = np.zeros(len(z)), np.arange(len(z))
    for tree in trees:
        feature = np.array(tree[: 2 * TREE_NODES : 2], np.int64)
        threshold, leaves = np.array(tree[1 : 2 * TREE_NODES : 2]), np.array(tree[2 * TREE_NODES :])
        node = np.zeros(len(z), np.int64)
        for _ in range(TREE_DEPTH):
            node = 2 * node + 1 + (z[every, feature[node]] > threshold[node])
        total += leaves[node - TREE_NODES]
    return total


def losses(eta: Floats, samples: Samples) -> Floats:
    """Weighted negative log-likelihood of each sample, from its predictors [n, N_BINS]."""
    rows, k, event = at_risk_rows(samples.bin)
    signed = np.where(event > 0, -eta[rows, k], eta[rows, k])
    return np.bincount(rows, np.logaddexp(0.0, signed), len(samples)) * samples.weight


def compare(alone: list[Floats], with_trees: list[Floats], parts: list[Samples]) -> ChallengerComparison:
    """Compare the losses on the later rows of every fold; the rows of one minute count as one observation."""
    differences, total, weight = [], 0.0, 0.0
    for a, b, samples in zip(alone, with_trees, parts, strict=True):
        differences.append(np.bincount(samples.cluster, a - b))
        total, weight = total + a.sum(), weight + samples.weight.sum()
    clusters = np.concatenate(differences)
    error = float(np.sqrt(len(clusters)) * clusters.std() / weight)
    return ChallengerComparison(float(clusters.sum() / weight), error, float(clusters.sum() / total))
