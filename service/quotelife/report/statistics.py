"""Means with confidence intervals that respect the dependence of neighbouring requests, for backtests and the desk."""

import numpy as np
import numpy.typing as npt

BLOCK_NS = 300_000_000_000
MIN_BLOCKS = 5  # fewer say nothing about how much blocks differ
_RESAMPLES = 2000
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def interval(values: Floats, block: Ints) -> tuple[float, float, float]:
    """Mean of the values and its 95 % confidence interval, by block bootstrap."""
    total, count = np.bincount(block, values), np.bincount(block)
    drawn = np.random.default_rng(0).integers(0, len(total), (_RESAMPLES, len(total)))
    means = total[drawn].sum(axis=1) / np.maximum(count[drawn].sum(axis=1), 1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(values.mean()), float(low), float(high)


def known_interval(values: Floats, block: Ints) -> tuple[float | None, float | None, float | None]:
    """The same of values that may be few: (None, None, None) without values, (mean, None, None) if they come from fewer
    than MIN_BLOCKS blocks. Numbers of blocks need not follow each other."""
    if len(values) == 0:
        return None, None, None
    numbers, dense = np.unique(block, return_inverse=True)
    if len(numbers) < MIN_BLOCKS:
        return float(values.mean()), None, None
    return interval(values, dense)
