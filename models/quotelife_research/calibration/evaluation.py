"""Quality of predicted probabilities on unseen outcomes: discrimination, log loss, calibration."""

import numpy as np
import numpy.typing as npt

from quotelife.report.statistics import known_interval

Floats = npt.NDArray[np.float64]
_TINY = 1e-12
Blocks = npt.NDArray[np.int64]


def auc(p: Floats, y: npt.NDArray[np.bool_]) -> float:
    """Probability that an event has a higher prediction than a non-event, ties count half; nan without both kinds."""
    positives = int(y.sum())
    negatives = len(y) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    _, group, count = np.unique(p, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    rank = (last - (count - 1) / 2.0)[group]
    return float((rank[y].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def log_loss(p: Floats | float, y: npt.NDArray[np.bool_]) -> float:
    return float(_losses(p, y).mean())


def _losses(p: Floats | float, y: npt.NDArray[np.bool_]) -> Floats:
    p = np.clip(p, _TINY, 1 - _TINY)
    return -np.where(y, np.log(p), np.log1p(-p))


def loss_saved(p: Floats, y: npt.NDArray[np.bool_], block: Blocks) -> dict[str, float | None]:
    """By which share the log loss is below that of the base rate, with its 95 % interval by bootstrap of the blocks.
    The interval is None where the blocks are too few for one."""
    base = _losses(float(y.mean()), y)
    whole = float(base.mean())
    saved, low, high = known_interval(base - _losses(p, y), block)
    found = {"share": saved, "low": low, "high": high}
    return {name: value / whole if value is not None and whole > 0 else None for name, value in found.items()}


def calibration(p: Floats, y: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """(slope, intercept) of the logistic regression of the outcome on the log-odds of p (Cox, 1958); best 1, 0."""
    p = np.clip(p, 1e-9, 1 - 1e-9)
    design = np.stack((np.log(p / (1 - p)), np.ones_like(p)), axis=1)
    theta = np.array([1.0, 0.0])
    for _ in range(30):
        fitted = 1.0 / (1.0 + np.exp(-np.clip(design @ theta, -30, 30)))
        hessian = (design * (fitted * (1 - fitted))[:, None]).T @ design + 1e-9 * np.eye(2)
        move = np.linalg.solve(hessian, design.T @ (y - fitted))
        theta += np.clip(move, -2.0, 2.0)
        if np.abs(move).max() < 1e-8:
            break
    return float(theta[0]), float(theta[1])


def reliability(p: Floats, y: npt.NDArray[np.bool_], bins: int = 10) -> list[dict[str, float]]:
    """Mean probability, observed rate and count in bins of equal counts."""
    order = np.argsort(p, kind="stable")
    return [
        {"p": float(p[part].mean()), "rate": float(y[part].mean()), "n": len(part)}
        for part in np.array_split(order, bins)
        if len(part)
    ]


def evaluate(p: Floats, y: npt.NDArray[np.bool_]) -> dict[str, float]:
    """The measures for one horizon; log_loss_base is the log loss of the test data's own base rate."""
    rate = float(y.mean())
    slope, intercept = calibration(p, y) if 0 < rate < 1 else (float("nan"), float("nan"))
    brier = float(((p - y) ** 2).mean())
    return {
        "n": len(y),
        "base_rate": rate,
        "auc": auc(p, y),
        "log_loss": log_loss(p, y),
        "log_loss_base": log_loss(rate, y),
        "brier_skill": 1.0 - brier / (rate * (1 - rate)) if 0 < rate < 1 else float("nan"),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
    }
